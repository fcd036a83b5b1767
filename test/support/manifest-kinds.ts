/** Kinds that others add to Kubernetes, as far as k8s/ uses them: a key that is not here is a mistake, or is to be added. */

interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Prometheus Operator, API reference, `ServiceMonitor`. */
export interface IServiceMonitor {
  readonly apiVersion: 'monitoring.coreos.com/v1';
  readonly kind: 'ServiceMonitor';
  readonly metadata: Metadata;
  readonly spec: {
    readonly jobLabel?: string;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly endpoints: readonly { readonly port: string; readonly path?: string; readonly interval?: `${number}s` }[];
  };
}

/** Prometheus Operator, API reference, `PrometheusRule`. */
export interface IPrometheusRule {
  readonly apiVersion: 'monitoring.coreos.com/v1';
  readonly kind: 'PrometheusRule';
  readonly metadata: Metadata;
  readonly spec: {
    readonly groups: readonly {
      readonly name: string;
      readonly interval?: string;
      readonly rules: readonly {
        readonly record?: string;
        readonly alert?: string;
        readonly expr: string;
        readonly for?: string;
        readonly keep_firing_for?: string;
        readonly labels?: Readonly<Record<string, string>>;
        readonly annotations?: Readonly<Record<string, string>>;
      }[];
    }[];
  };
}

/** Gateway API v1, `HTTPRoute`. */
export interface IHTTPRoute {
  readonly apiVersion: 'gateway.networking.k8s.io/v1';
  readonly kind: 'HTTPRoute';
  readonly metadata: Metadata;
  readonly spec: {
    readonly parentRefs: readonly {
      readonly name: string;
      readonly namespace?: string;
      readonly sectionName?: string;
    }[];
    readonly hostnames?: readonly string[];
    readonly rules: readonly {
      readonly matches?: readonly {
        readonly path: { readonly type: 'PathPrefix' | 'Exact'; readonly value: string };
      }[];
      readonly timeouts?: { readonly request?: `${number}s`; readonly backendRequest?: `${number}s` };
      readonly backendRefs: readonly { readonly name: string; readonly port: number }[];
    }[];
  };
}
