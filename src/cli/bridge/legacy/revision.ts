import type { RpcMessage, RpcRequest } from '../../../core/json-rpc.ts';
import { isResponse } from '../../../core/json-rpc.ts';

/** Has no Streamable HTTP. */
const FIRST = '2024-11-05';
/** The next one, which has; all that it changes for a client on stdio is what it adds. */
const FIRST_ON_HTTP = '2025-03-26';

/** A client's `initialize` as the gateway gets it. */
export function toGateway(initialize: RpcRequest): RpcRequest {
  if (initialize.params?.protocolVersion !== FIRST) return initialize;
  return { ...initialize, params: { ...initialize.params, protocolVersion: FIRST_ON_HTTP } };
}

/** The answer to `initialize`, as this client gets it: a client that speaks one revision only would leave otherwise. */
export function toClient(initialize: RpcRequest, answer: RpcMessage): RpcMessage {
  const isTranslated = initialize.params?.protocolVersion === FIRST && isResponse(answer) && 'result' in answer;
  if (!isTranslated || answer.result.protocolVersion !== FIRST_ON_HTTP) return answer;
  return { ...answer, result: { ...answer.result, protocolVersion: FIRST } };
}
