import { openDockerPlace } from '../support/docker-place.ts';
import { openProcessPlace } from '../support/process-place.ts';
import { requires } from '../support/requires.ts';
import { runtimeContract } from './runtime.ts';

runtimeContract('process', openProcessPlace);
requires('docker')('with Docker', () => runtimeContract('docker', openDockerPlace));
