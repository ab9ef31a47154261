import type { Stage } from '../../domain/stage.ts';
import { stages } from '../../domain/stage.ts';
import { UNKNOWN_DATASET } from '../../domain/versions/key-layout.ts';
import type { Place } from './stages.ts';
import { expression, graph, hidden, metric, type Row } from './widgets.ts';

/** The stages that take records; the commit takes whole files. */
const ofRecords = stages.filter((stage) => stage !== 'commit');

/** Records of each dataset, whether each is accounted for, and what became of objects. */
export function recordRows(datasets: readonly { readonly name: string }[], place: Place): Row[] {
  return [...datasets.map(({ name }) => datasetRow(name, place)), unknownRow(place)];
}

/** What a stage's function tells of a dataset (handlers/sqs-handler.ts). */
const of = (
  stack: string,
  service: Stage,
  dataset: string,
  name: string,
  options: Parameters<typeof metric>[3],
) => metric('Sluice', name, { dataset, service, stack }, options);

function datasetRow(dataset: string, { region, stack }: Place): Row {
  const records = graph(
    region,
    `${dataset}: records`,
    [
      of(stack, 'extraction', dataset, 'RecordsRead', { id: 'read', label: 'read' }),
      of(stack, 'loading', dataset, 'RecordsWritten', { label: 'written' }),
      of(stack, 'transformation', dataset, 'RecordsFiltered', { label: 'filtered' }),
      of(stack, 'transformation', dataset, 'RecordsRejected', { id: 'rejected', label: 'rejected' }),
      of(stack, 'transformation', dataset, 'UnknownFields', { label: 'unknown fields' }),
      expression('IF(read > 0, 100 * rejected / read, 0)', 'rejected, %', { yAxis: 'right' }),
    ],
    { unit: 'records', rightUnit: '%' },
  );
  const conservation = graph(
    region,
    `${dataset}: read − written − filtered − rejected, always 0`,
    ofRecords.flatMap((stage) => {
      const id = (count: string) => `${stage}${count}`;
      return [
        ...['Read', 'Written', 'Filtered', 'Rejected'].map((count) =>
          of(stack, stage, dataset, `Records${count}`, hidden(id(count), 'Sum')),
        ),
        expression(`${id('Read')} - ${id('Written')} - ${id('Filtered')} - ${id('Rejected')}`, stage),
      ];
    }),
    { unit: 'records', signed: true },
  );
  const objects = graph(
    region,
    `${dataset}: objects`,
    ['Done', 'Duplicate', 'Stale', 'Retracted', 'Kept', 'Failed'].map((result) =>
      of(stack, 'extraction', dataset, `Objects${result}`, { label: result.toLowerCase() }),
    ),
    { unit: 'objects' },
  );
  return { height: 6, widgets: [records, conservation, objects] };
}

function unknownRow({ region, stack }: Place): Row {
  const failed = stages.map((stage) => of(stack, stage, UNKNOWN_DATASET, 'ObjectsFailed', { label: stage }));
  return {
    height: 4,
    widgets: [
      graph(region, 'Objects of no dataset, which are recorded as faults', failed, { unit: 'objects' }),
    ],
  };
}
