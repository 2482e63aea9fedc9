// Links for a telephone number as people type it.

const MOBILE = /^(?:(?:\+|00)?51)?(9\d{8})$/; // of Peru

/** `{tel, whatsapp}` of the first number in a text; `whatsapp` is null for what is no mobile of Peru. */
export function links(telefono) {
  const [first] = telefono.split(/[/#]/).filter((part) => part.replace(/\D/g, "").length >= 6);
  const number = (first ?? telefono).replace(/[^\d+]/g, "").replace(/(?!^)\+/g, "");
  const [, mobile] = MOBILE.exec(number) ?? [];
  return { tel: `tel:${number}`, whatsapp: mobile ? `https://wa.me/51${mobile}` : null };
}
