import { QueryVariableBuilder, VariableRefresh, VariableSort } from '@grafana/grafana-foundation-sdk/dashboard';
import { DATASOURCE } from '../kit/panel.ts';

/** The servers that are looked at: one, several or all of the catalogue. */
export const server = new QueryVariableBuilder('server')
  .label('Server')
  .datasource(DATASOURCE)
  .query({ query: 'label_values(mcp_instances, server)', refId: 'server' })
  .definition('label_values(mcp_instances, server)')
  .refresh(VariableRefresh.OnTimeRangeChanged)
  .sort(VariableSort.AlphabeticalAsc)
  .multi(true)
  .includeAll(true)
  .allValue('.*')
  .current({ text: ['All'], value: ['$__all'] });

/** The condition for them. */
export const CHOSEN = 'server=~"$server"';
