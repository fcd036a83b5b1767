import { BlockList, isIPv6, SocketAddress } from 'node:net';

/** What no server has business with: this host, its link, the addresses where clouds hand out credentials. */
const FORBIDDEN: readonly string[] = [
  '0.0.0.0/8', // "this host": Linux connects to itself (RFC 1122, 3.2.1.3)
  '169.254.0.0/16', // link-local; metadata of most clouds (RFC 3927)
  '100.100.100.200/32', // metadata: Alibaba
  '168.63.129.16/32', // the platform's own: Azure
  '192.0.0.0/24', // IETF protocol assignments; metadata: Oracle (RFC 6890)
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
  '::/128',
  'fe80::/10', // link-local
  'ff00::/8', // multicast
  'fd00:ec2::/32', // metadata: AWS
  'fd20:ce::254/128', // metadata: Google
  'fd00:42::42/128', // metadata: Scaleway
  '2001::/32', // Teredo: an IPv4 address that the text does not show (RFC 4380)
  '64:ff9b:1::/48', // NAT64 of this place alone: the same (RFC 8215)
];
const LOOPBACK: readonly string[] = ['127.0.0.0/8', '::1/128'];

/** Which addresses an instance may be connected to, whatever its grant says: the owner of a name decides what it leads to. */
export class AddressGuard {
  readonly #forbidden = new BlockList();

  /** @param allowLoopback addresses of the machine that the proxy runs on are allowed: for tests */
  constructor({ allowLoopback }: { readonly allowLoopback: boolean }) {
    for (const subnet of [...FORBIDDEN, ...(allowLoopback ? [] : LOOPBACK)]) {
      const [network = '', prefix] = subnet.split('/');
      this.#forbidden.addSubnet(network, Number(prefix), isIPv6(network) ? 'ipv6' : 'ipv4');
    }
  }

  /** @param address as a resolver gives it */
  admits(address: string): boolean {
    if (!isIPv6(address)) return !this.#forbidden.check(address, 'ipv4');
    if (address.includes('%') || this.#forbidden.check(address, 'ipv6')) return false;
    const inner = innerOf(hextetsOf(address));
    return inner === undefined || !this.#forbidden.check(inner, 'ipv4');
  }
}

/** The eight numbers of an IPv6 address. */
function hextetsOf(address: string): number[] {
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address;
  const plain = canonical.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a, b, c, d] = parts.slice(0, 4).map(Number) as [number, number, number, number];
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = [], tail] = plain.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const left = head.map((digits) => Number.parseInt(digits, 16));
  const right = (tail ?? []).map((digits) => Number.parseInt(digits, 16));
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}

/** The IPv4 address that packets to this IPv6 address end up at; undefined if it stands for none. */
function innerOf(h: readonly number[]): string | undefined {
  const starts = (...prefix: readonly number[]) => prefix.every((hextet, index) => h[index] === hextet);
  if (starts(0, 0, 0, 0, 0, 0, 0, 1)) return undefined;
  const last =
    starts(0, 0, 0, 0, 0, 0) || // IPv4-compatible (RFC 4291, 2.5.5.1)
    starts(0, 0, 0, 0, 0, 0xffff) || // IPv4-mapped (2.5.5.2)
    starts(0, 0, 0, 0, 0xffff, 0) || // IPv4-translated (RFC 2765)
    starts(0x64, 0xff9b, 0, 0, 0, 0) || // NAT64 (RFC 6052)
    ((h[4] === 0 || h[4] === 0x200) && h[5] === 0x5efe); // ISATAP (RFC 5214)
  if (last) return dotted(h[6], h[7]);
  return h[0] === 0x2002 ? dotted(h[1], h[2]) : undefined; // 6to4 (RFC 3056)
}

function dotted(high = 0, low = 0): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
