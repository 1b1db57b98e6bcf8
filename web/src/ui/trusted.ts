/** What the page may make from text: style sheets, never markup. */

interface PolicyFactory {
  createPolicy(name: string, rules: { createHTML: (text: string) => string }): unknown;
}

/**
 * Names the one policy that the server's `trusted-types` directive allows.
 *
 * The component library writes its style sheets with `innerHTML`; a style sheet holds no `<`, markup does.
 */
export function guardMarkup(): void {
  const factory = (window as { trustedTypes?: PolicyFactory }).trustedTypes;
  factory?.createPolicy("default", {
    createHTML: (text) => {
      if (text.includes("<")) throw new TypeError("this page makes no markup from text");
      return text;
    },
  });
}

/** The number that this answer's own styles carry. */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
}
