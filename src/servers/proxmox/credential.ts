/** How to log in. Secrets: never in a log line, message or result. */
export type Credential =
  /** `id` is `user@realm!token`. */
  | { readonly kind: 'token'; readonly variable: string; readonly id: string; readonly secret: string }
  /** `user` is `user@realm`. */
  | { readonly kind: 'password'; readonly variable: string; readonly user: string; readonly password: string };

const USER_ID = /^[^\s:/!]+@[A-Za-z][A-Za-z0-9._-]+$/;
const TOKEN = /^(?:PVEAPIToken[= ])?(?:(?<owner>[^\s!=]+)!)?(?<id>[A-Za-z][A-Za-z0-9._-]+)=(?<secret>[^\s=]+)$/;

const PLACEHOLDERS = [
  /^your[-_. ]?((proxmox|api|pve)[-_. ]?)*(token|password|secret|host|server|key|user(name)?)\b/i,
  /^(placeholder|change[-_ ]?me|replace[-_ ]?me|todo|token-here|username|user(name)?@realm)$/i,
  /^x[-x]{2,}$/i,
  /^(<.*>|\$\{.*\})$/,
];

/** True for what templates and guides put where the real value belongs: `your-token-here`, `changeme`, `your.proxmox.host`. */
export function isPlaceholder(value: string): boolean {
  return PLACEHOLDERS.some((pattern) => pattern.test(value.trim()));
}

/**
 * `user@realm` of a name that may have its realm already: what follows the last `@` is the realm (PVE::Auth::Plugin).
 * Undefined if that is no Proxmox user id.
 */
export function userIdOf(username: string, realm: string): string | undefined {
  const id = username.includes('@') ? username : `${username}@${realm}`;
  return USER_ID.test(id) ? id : undefined;
}

/**
 * An API token in any of the forms people have it in: `id=secret`, `user@realm!id=secret`, `PVEAPIToken=user@realm!id=secret`.
 * What the value does not say comes from the configuration. Undefined if it is none of them or holds a placeholder.
 * @param user `user@realm` of the configuration
 */
export function tokenOf(value: string, user: string): { readonly id: string; readonly secret: string } | undefined {
  const parts = TOKEN.exec(value.trim())?.groups;
  if (!parts?.id || !parts.secret || isPlaceholder(parts.secret)) return undefined;
  const owner = parts.owner === undefined ? user : userIdOf(parts.owner, user.slice(user.lastIndexOf('@') + 1));
  return owner === undefined ? undefined : { id: `${owner}!${parts.id}`, secret: parts.secret };
}
