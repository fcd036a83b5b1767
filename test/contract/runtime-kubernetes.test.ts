import { afterAll, beforeAll } from 'vitest';
import { type KubernetesNamespace, openKubernetesNamespace } from '../support/kubernetes-namespace.ts';
import { bundledHost, openKubernetesPlace } from '../support/kubernetes-place.ts';
import { requires } from '../support/requires.ts';
import { runtimeContract } from './runtime.ts';

requires('cluster')('with Kubernetes', () => {
  let namespace: KubernetesNamespace;
  let host: string;
  beforeAll(async () => {
    [namespace, host] = await Promise.all([openKubernetesNamespace(), bundledHost()]);
  });
  afterAll(() => namespace[Symbol.asyncDispose]());

  runtimeContract('kubernetes', async () => openKubernetesPlace(namespace, host));
});
