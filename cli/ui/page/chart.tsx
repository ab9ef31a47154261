import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Panel, Series } from '../panels.ts';

const HEIGHT = 180;
const colours = 6;
/** Lines differ by their dashes too, for who can't tell the colours apart. */
const dashes = [[], [6, 3], [2, 3], [10, 3, 2, 3], [12, 4], [4, 2]];

const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A panel as a chart, with its values under it. */
export function Chart({ panel, series }: { readonly panel: Panel; readonly series: Series | undefined }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(undefined);
  const shape = JSON.stringify(panel);
  // The panel is a new object with each answer; its shape is not.
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    let plot: uPlot | undefined;
    const draw = () => {
      plot?.destroy();
      plot = new uPlot(optionsOf(panel, element.clientWidth), dataOf(panel, series), element);
      chart.current = plot;
    };
    draw();
    const resized = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', draw);
    return () => {
      resized.disconnect();
      dark.removeEventListener('change', draw);
      plot?.destroy();
    };
  }, [shape]);
  useEffect(() => chart.current?.setData(dataOf(panel, series)), [series, panel]);
  const last = panel.lines.map(({ label }, i) => {
    const value = series?.values[i]?.findLast((each) => each !== null);
    return `${label} ${value === undefined || value === null ? 'no value' : short(value)}`;
  });
  return <div ref={box} class="chart" role="img" aria-label={`${panel.title}. Last: ${last.join(', ')}`} />;
}

function dataOf(panel: Panel, series: Series | undefined): uPlot.AlignedData {
  const times = [...(series?.times ?? [])];
  const lines = panel.lines.map((_, i) => [...(series?.values[i] ?? [])]);
  const limits = panel.limits.map(({ value }) => times.map(() => value));
  return [times, ...lines, ...limits];
}

/** Without a pointer over the chart, its legend shows the last values. */
function showLast(plot: uPlot): void {
  const last = (plot.data[0]?.length ?? 0) - 1;
  if (plot.legend.idx == null && last >= 0) plot.setLegend({ idx: last }, false);
}

/** Seconds since the epoch as `21:05`. */
const clock = (seconds: number) =>
  new Date(seconds * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });

const short = (value: number) =>
  Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 }).format(value);

function optionsOf(panel: Panel, width: number): uPlot.Options {
  const text = css('--muted');
  const axis = {
    stroke: text,
    grid: { stroke: css('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui',
  };
  const values = (_: uPlot, splits: number[]) => splits.map((value) => (value === null ? '' : short(value)));
  const hasRight = panel.lines.some(({ axis: side }) => side === 'right');
  const range: uPlot.Range.Function = (_, least, most) => [
    Math.min(0, least ?? 0),
    Math.max(1, (most ?? 1) * 1.1),
  ];
  return {
    width,
    height: HEIGHT,
    cursor: { y: false, points: { size: 6 } },
    hooks: { setLegend: [showLast] },
    scales: { left: { range }, right: { range } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        values: (_: uPlot, splits: number[]) => splits.map(clock),
        space: 64,
      },
      {
        ...axis,
        scale: 'left',
        values,
        size: 44,
        ...(panel.unit !== undefined && { label: panel.unit, labelSize: 14, labelFont: '11px system-ui' }),
      },
      ...(hasRight
        ? [
            {
              ...axis,
              scale: 'right',
              side: 1 as const,
              values,
              size: 44,
              grid: { show: false },
              ...(panel.rightUnit !== undefined && {
                label: panel.rightUnit,
                labelSize: 14,
                labelFont: '11px system-ui',
              }),
            },
          ]
        : []),
    ],
    series: [
      { value: (_: uPlot, time: number | null) => (time === null ? '–' : clock(time)) },
      ...panel.lines.map(({ label, axis: side }, i) => ({
        label,
        scale: side,
        stroke: css(`--line-${i % colours}`),
        width: 1.5,
        dash: dashes[i % dashes.length] ?? [],
        points: { size: 4 },
        value: (_: uPlot, value: number | null) => (value === null ? '–' : short(value)),
      })),
      ...panel.limits.map(({ label, value }) => ({
        label,
        scale: 'left',
        stroke: css('--failed'),
        width: 1,
        dash: [4, 4],
        points: { show: false },
        value: () => short(value),
      })),
    ],
  };
}
