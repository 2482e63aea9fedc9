"""How things stand at the moment of asking: the disk, the database's files, and the last backup."""

import time
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from clientes_service import __version__, db
from clientes_service.config import Config
from clientes_service.servicio import storage


class Gauges(Collector):
    """Looked up for each scrape, in a few system calls."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def collect(self) -> Iterator[Metric]:
        """Yield one family for each thing that there is to tell."""
        yield InfoMetricFamily(
            "clientes_service", "What serves", value={"version": __version__, "database": db.engine().name}
        )
        if file := storage.database_file(self.config):
            size = storage.database_bytes(file)
            yield GaugeMetricFamily("clientes_database_bytes", "Size of the database with its log", value=size)
            if copy := storage.newest_backup(self.config, file):
                age = time.time() - copy.made
                yield GaugeMetricFamily("clientes_backup_age_seconds", "Age of the newest backup", value=age)
        free = storage.free_bytes(self.config)
        yield GaugeMetricFamily("clientes_disk_free_bytes", "Free space where the database is", value=free)
