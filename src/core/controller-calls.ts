import type { CleanupPreview, CleanupResult } from './api.ts';

/** What the API asks of the controller that is in charge, wherever it runs. All else goes through the store. */
export interface ControllerCalls {
  /**
   * Looks at everything once, now, and resolves when all of it is done.
   * @param owner only this owner's; absent: everybody's
   * Throws `StoreUnavailable`; `server.busy` if no controller answers; what kept an instance from being stopped.
   */
  cleanup(owner?: string): Promise<CleanupResult>;
  /** What `cleanup` would end now; nothing is ended. Throws as it does. */
  foresee(owner?: string): Promise<CleanupPreview>;
}
