/** Appended to what an outage of the store brings with it: that pages by itself. */
export const STORE_IS_UP = 'unless on () (mcp:store:down == 1)';
