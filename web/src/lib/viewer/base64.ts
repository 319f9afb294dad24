/** Bytes of text in base 64. */
export function decode(base64: string): ArrayBuffer {
  const text = atob(base64);
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer;
}
