import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts';
import { environmentOf, ofEachWhole, podOf, read } from '../support/manifest-wholes.ts';
import { ofKind, selects } from '../support/manifests.ts';

const DASHBOARDS = 'grafana/provisioning/dashboards/json';

ofEachWhole('files', (whole) => {
  it('has the balancer’s configuration as compose.yaml has it', () => {
    const maps = ofKind(whole().manifests, 'ConfigMap');
    expect(maps.flatMap(({ data }) => data['haproxy.cfg'] ?? [])).toEqual([read('docker/haproxy.cfg')]);
  });
});

ofEachWhole(
  'around it',
  (whole) => {
    it('has every dashboard, and the rules', () => {
      const maps = ofKind(whole().manifests, 'ConfigMap').filter(({ metadata }) => metadata.labels?.grafana_dashboard);
      const files = readdirSync(fileURLToPath(new URL(`../../${DASHBOARDS}`, import.meta.url)));
      expect(files.length).toBeGreaterThan(0);
      const data = Object.assign({}, ...maps.map((map) => map.data));
      expect(data).toEqual(Object.fromEntries(files.map((file) => [file, read(`${DASHBOARDS}/${file}`)])));
      const rules = ofKind(whole().manifests, 'PrometheusRule').map(({ spec }) => spec);
      expect(rules).toEqual([parse(read('grafana/prometheus/rules.yml'))]);
    });

    it('asks each role for metrics, as the job that rules and dashboards know', () => {
      const services = ofKind(whole().manifests, 'Service');
      const jobs = ofKind(whole().manifests, 'ServiceMonitor').map(({ spec }) =>
        services
          .filter(({ metadata }) => selects(spec.selector, metadata.labels ?? {}))
          .filter((service) =>
            service.spec.ports.some((port: { name: string }) => port.name === spec.endpoints[0].port),
          )
          .map(({ metadata }) => metadata.labels?.[spec.jobLabel]),
      );
      expect(jobs.sort()).toEqual([['controller'], ['gateway'], ['haproxy']]);
    });

    it('scales gateways by a metric of theirs, up to the places that the balancer has', () => {
      const [scaler] = ofKind(whole().manifests, 'HorizontalPodAutoscaler');
      const { scaleTargetRef, maxReplicas, metrics } = scaler?.spec ?? {};
      const places = [...read('docker/haproxy.cfg').matchAll(/server-template \w+ (\d+) /g)];
      expect(new Set(places.map(([, count]) => Number(count)))).toEqual(new Set([maxReplicas]));
      const scaled = ofKind(whole().manifests, 'Deployment').find(
        ({ metadata }) => metadata.name === scaleTargetRef.name,
      );
      expect(scaled?.spec.template).toBeDefined();
      expect(scaled?.spec).not.toHaveProperty('replicas');
      expect(Object.keys(METRICS)).toContain(metrics[0].pods.metric.name);
    });

    it('leads from outside to the balancer, under a name that is served', () => {
      const [ingress] = ofKind(whole().manifests, 'Ingress');
      const [rule] = ingress?.spec.rules ?? [];
      const { service } = rule.http.paths[0].backend;
      const target = ofKind(whole().manifests, 'Service').find(({ metadata }) => metadata.name === service.name);
      expect(target?.spec.ports.map(({ name }: { name: string }) => name)).toContain(service.port.name);
      expect(target?.spec.selector).toEqual(podOf(whole(), 'haproxy').labels);
      const { MCP_SESSION_MANAGER_ALLOWED_HOSTS = '' } = environmentOf(whole(), podOf(whole(), 'gateway'));
      expect(MCP_SESSION_MANAGER_ALLOWED_HOSTS.split(',')).toContain(rule.host);
      expect(ingress?.spec.tls[0].hosts).toEqual([rule.host]);
    });
  },
  ['production'],
);
