import { expect, it } from 'vitest';
import { MANAGER, ofEachWhole, podsIn, SESSIONS } from '../support/manifest-wholes.ts';
import { type Manifest, ofKind, selects } from '../support/manifests.ts';

const NAMESPACE = 'kubernetes.io/metadata.name';

interface Rule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly { readonly port: string | number }[];
}
interface Peer {
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
  readonly namespaceSelector?: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly podSelector?: object;
}

const rulesOf = ({ spec }: Manifest): Rule[] => [...(spec.ingress ?? []), ...(spec.egress ?? [])];

ofEachWhole('the network', (whole) => {
  const policies = () => ofKind(whole().manifests, 'NetworkPolicy');

  it('is denied both ways in both namespaces, whatever no other policy allows', () => {
    for (const namespace of [MANAGER, SESSIONS]) {
      const denial = policies().find(
        ({ metadata }) => metadata.name === 'default-deny' && metadata.namespace === namespace,
      );
      expect(denial?.spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    }
  });

  it('every selector takes Pods that there are, at ports that they have', () => {
    for (const { kind, metadata, spec } of ofKind(
      whole().manifests,
      'Service',
      'PodDisruptionBudget',
      'NetworkPolicy',
    )) {
      const what = `${kind} ${metadata.name}`;
      const selector = kind === 'Service' ? { matchLabels: spec.selector } : (spec.podSelector ?? spec.selector);
      const taken = podsIn(whole(), metadata.namespace).filter(({ labels }) => selects(selector, labels));
      expect(taken, what).not.toEqual([]);
      const targets = kind === 'Service' ? spec.ports.map((port: { targetPort: string }) => port.targetPort) : [];
      const incoming = ((spec.ingress ?? []) as Rule[]).flatMap(({ ports = [] }) => ports.map(({ port }) => port));
      for (const port of [...targets, ...incoming])
        for (const pod of taken) expect(Object.keys(pod.ports), what).toContain(port);
    }
  });

  it('whoever is named in a policy is there, and listens where it is to be reached', () => {
    for (const policy of policies())
      for (const { from = [], to = [], ports = [] } of rulesOf(policy))
        for (const { ipBlock, namespaceSelector, podSelector } of [...from, ...to]) {
          const where = namespaceSelector?.matchLabels[NAMESPACE] ?? policy.metadata.namespace;
          // Somebody else's, of whom nothing is known here.
          if (ipBlock || !podSelector || where === 'kube-system') continue;
          const met = podsIn(whole(), where).filter(({ labels }) => selects(podSelector, labels));
          expect(met, policy.metadata.name).not.toEqual([]);
          for (const { port } of to.length > 0 ? ports : [])
            for (const pod of met) expect(Object.values(pod.ports), policy.metadata.name).toContain(port);
        }
  });

  it('lets in whom it lets out: every way within is allowed at both ends', () => {
    const ways = (direction: 'ingress' | 'egress') =>
      policies().flatMap(({ metadata, spec }) => {
        const own = podsIn(whole(), metadata.namespace).filter(({ labels }) => selects(spec.podSelector, labels));
        return ((spec[direction] ?? []) as Rule[]).flatMap(({ from, to, ports = [] }) =>
          (from ?? to ?? []).flatMap(({ podSelector, namespaceSelector }) => {
            const where = namespaceSelector?.matchLabels[NAMESPACE] ?? metadata.namespace;
            const others = podSelector
              ? podsIn(whole(), where).filter(({ labels }) => selects(podSelector, labels))
              : [];
            return own.flatMap((pod) =>
              others.flatMap((other) => {
                const [client, server] = direction === 'egress' ? [pod, other] : [other, pod];
                const numbers = ports.map(({ port }) => (server.ports as Record<string, number>)[port] ?? port);
                return numbers.map((port) => `${client.name} -> ${server.name}:${port}`);
              }),
            );
          }),
        );
      });
    const within = new Set(ways('egress'));
    expect(within).toEqual(new Set(ways('ingress')));
    expect(within).toContain('gateway -> instance:8700');
  });

  it('one patch leads everybody to other name servers', () => {
    const dns = policies().filter(({ metadata }) => metadata.name === 'dns');
    expect(dns.map(({ metadata }) => metadata.namespace).sort()).toEqual([MANAGER, SESSIONS]);
    expect(dns[0]?.spec.egress).toEqual(dns[1]?.spec.egress);
    const asking = policies().filter((policy) =>
      rulesOf(policy).some(({ ports }) => ports?.some(({ port }) => port === 53)),
    );
    expect(asking).toEqual(dns);
  });

  it('of a cloud nobody reaches the metadata', () => {
    for (const policy of policies())
      for (const { ipBlock } of rulesOf(policy).flatMap(({ to = [] }) => to)) {
        if (!ipBlock) continue;
        if (ipBlock.cidr === '0.0.0.0/0') expect(ipBlock.except).toContain('169.254.0.0/16');
        else expect(ipBlock.cidr).not.toMatch(/^169\.254\./);
      }
  });

  it('volumes of both namespaces lead to the same storage', () => {
    const { name, manifests } = whole();
    const volumes = ofKind(manifests, 'PersistentVolume');
    // The base leaves them to the overlays.
    if (name === 'the base with Redis and the Gateway API') return expect(volumes).toEqual([]);
    const claims = ofKind(manifests, 'PersistentVolumeClaim').map(({ metadata, spec }) => [
      spec.volumeName,
      { name: metadata.name, namespace: metadata.namespace },
    ]);
    expect(volumes.map(({ metadata, spec }) => [metadata.name, spec.claimRef]).sort()).toEqual(claims.sort());
    for (const pair of Object.values(Object.groupBy(volumes, ({ spec }) => spec.claimRef.name)))
      expect(new Set(pair?.map(({ spec }) => JSON.stringify(spec.hostPath ?? spec.nfs))).size).toBe(1);
  });
});
