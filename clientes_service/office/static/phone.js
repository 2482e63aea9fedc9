// Telephone numbers as somebody typed them, as links to call and to write.

const MOBILE = /^(?:00)?(?:51)?(9\d{8})$/; // in Peru: nine digits that begin with 9

/**
 * The addresses that a number leads to: `{tel, whatsapp}`, null where there is none. Of several numbers in one text
 * the first counts; an extension behind `#` is not dialled.
 */
export function links(telefono) {
  const first = firstNumber(telefono ?? "");
  const digits = first.replace(/\D/g, "");
  if (!digits) return { tel: null, whatsapp: null };
  const [, mobile] = MOBILE.exec(digits) ?? [];
  if (mobile) return { tel: `tel:+51${mobile}`, whatsapp: `https://wa.me/51${mobile}` };
  return { tel: `tel:${first.startsWith("+") ? "+" : ""}${digits}`, whatsapp: null };
}

/** What stands before a slash or a `#`, if that is long enough to be a number; else all of it. */
function firstNumber(text) {
  const long = text.split(/[/#]/).find((part) => part.replace(/\D/g, "").length >= 6);
  return (long ?? text).trim();
}
