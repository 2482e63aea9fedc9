"""How things stand at the moment of asking: the disk, the database's files, and the last backup."""

import shutil
import time
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from clientes_service import __version__, backup, db
from clientes_service.config import Config, sqlite_file


class Gauges(Collector):
    """Looked up for each scrape, in a few system calls."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def collect(self) -> Iterator[Metric]:
        """Yield one family for each thing that there is to tell."""
        yield InfoMetricFamily(
            "clientes_service", "What serves", value={"version": __version__, "database": db.engine().name}
        )
        folder = self.config.instance_path
        if self.config.database_url.startswith("sqlite:"):
            file = sqlite_file(self.config.database_url)
            folder = file.parent
            size = sum(part.stat().st_size for part in (file, file.with_name(f"{file.name}-wal")) if part.exists())
            yield GaugeMetricFamily("clientes_database_bytes", "Size of the database with its log", value=size)
            backups = self.config.backups_path
            for newest in backup.copies(backups, file.stem)[:1] if backups.is_dir() else ():
                age = time.time() - newest.stat().st_mtime
                yield GaugeMetricFamily("clientes_backup_age_seconds", "Age of the newest backup", value=age)
        free = shutil.disk_usage(folder).free
        yield GaugeMetricFamily("clientes_disk_free_bytes", "Free space where the database is", value=free)
