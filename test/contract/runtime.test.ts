import { openProcessPlace } from '../support/process-place.ts';
import { runtimeContract } from './runtime.ts';

runtimeContract('process', openProcessPlace);
