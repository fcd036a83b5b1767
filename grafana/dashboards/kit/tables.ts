import { FieldTextAlignment } from '@grafana/grafana-foundation-sdk/common';
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table';
import { type DataSpec, dataPanel, type Sized, thresholds, type Unit } from './panel.ts';
import type { Query } from './query.ts';
import type { Thresholds } from './thresholds.ts';

/** A figure of each row. */
export interface Column {
  readonly title: string;
  readonly expr: string;
  readonly unit: Unit;
  readonly thresholds?: Thresholds;
}

type TableSpec = Omit<DataSpec, 'queries' | 'unit' | 'thresholds'> & {
  /** The label that names the rows. */
  readonly rows: string;
  readonly columns: readonly Column[];
};

/** One row for each value of a label, as things are now. */
export function table(id: number, title: string, { rows, columns, ...spec }: TableSpec): Sized {
  const queries: Query[] = columns.map(({ expr }) => ({ expr }));
  const name = (index: number) => (columns.length > 1 ? `Value #${String.fromCharCode(65 + index)}` : 'Value');
  const built = new Table()
    .align(FieldTextAlignment.Auto)
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        indexByName: Object.fromEntries([rows, ...columns.map((_, index) => name(index))].map((one, at) => [one, at])),
        renameByName: Object.fromEntries(columns.map((column, index) => [name(index), column.title])),
      },
    });
  for (const column of columns) built.overrideByName(column.title, propertiesOf(column));
  return dataPanel(built, id, title, { ...spec, unit: 'short', queries }, 'table');
}

const propertiesOf = (column: Column): { id: string; value: unknown }[] => [
  { id: 'unit', value: column.unit },
  ...(column.thresholds
    ? [
        { id: 'thresholds', value: thresholds(column.thresholds).build() },
        { id: 'custom.cellOptions', value: { type: 'color-text' } },
      ]
    : []),
];
