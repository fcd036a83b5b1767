import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** Cost of a hash (RFC 7914, section 2): 16 MiB of memory, some ten milliseconds. */
const COST = { ln: 14, r: 8, p: 5 };
const KEY_BYTES = 32;
/** What a hash that somebody else made may cost at most: 64 MiB. */
const MAX = { ln: 16, r: 16, p: 16, bytes: 64 * 2 ** 20 };
const HASH = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{16,86})\$([A-Za-z0-9+/]{22,86})$/;

/**
 * `$scrypt$ln=14,r=8,p=5${salt}${key}`, both base64 without padding: the PHC string format. Each text has its own cost, so that
 * old ones go on being good when the cost is raised.
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, { ...COST, length: KEY_BYTES });
  return `$scrypt$ln=${COST.ln},r=${COST.r},p=${COST.p}$${unpadded(salt)}$${unpadded(key)}`;
}

/** Whether this is a hash that `verifyPassword` can work with. */
export function isPasswordHash(text: string): boolean {
  return parse(text) !== undefined;
}

/** In a time that depends on the hash alone. Throws for a text that is no hash. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const parsed = parse(hash);
  if (!parsed) throw new TypeError('not a password hash');
  const { salt, key, ...cost } = parsed;
  return timingSafeEqual(await derive(password, salt, { ...cost, length: key.length }), key);
}

interface Cost {
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

function parse(text: string): (Cost & { readonly salt: Buffer; readonly key: Buffer }) | undefined {
  const match = HASH.exec(text);
  if (!match) return undefined;
  const [ln = 0, r = 0, p = 0] = match.slice(1, 4).map(Number);
  const [salt, key] = match.slice(4).map((part) => Buffer.from(part, 'base64')) as [Buffer, Buffer];
  // OWASP's least is 2^13 with p = 10; RFC 7914 wants none of them to be 0.
  const isSane = ln >= 13 && ln <= MAX.ln && r >= 1 && r <= MAX.r && p >= 1 && p <= MAX.p;
  return isSane && 128 * 2 ** ln * r <= MAX.bytes ? { ln, r, p, salt, key } : undefined;
}

function derive(password: string, salt: Buffer, { ln, r, p, length }: Cost & { readonly length: number }) {
  // The same letter may be written in two ways (Unicode Annex 15): keyboards differ.
  const text = password.normalize('NFC');
  return new Promise<Buffer>((resolve, reject) => {
    scrypt(text, salt, length, { N: 2 ** ln, r, p, maxmem: 2 * MAX.bytes }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
