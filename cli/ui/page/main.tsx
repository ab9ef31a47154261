import { render } from 'preact';
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { integer } from '../../terminal/units.ts';
import type { Overview } from '../overview.ts';
import { useAnswer } from './fetching.ts';
import { Problem } from './parts.tsx';
import { DeadLetters } from './views/dead-letters.tsx';
import { Flow } from './views/flow.tsx';
import { Metrics } from './views/metrics.tsx';
import { ObjectPage } from './views/object.tsx';
import { Objects } from './views/objects.tsx';
import { Query } from './views/query.tsx';
import { Rejects } from './views/rejects.tsx';
import { Runs } from './views/runs.tsx';

const OVERVIEW_MS = 2_000;

/** The part of the address after `#/`, in segments. */
function useRoute(): readonly string[] {
  const read = () => location.hash.replace(/^#\/?/, '').split('/').map(decoded);
  const [route, setRoute] = useState(read);
  // At once after the first look: an address that changed in between would be missed.
  useLayoutEffect(() => {
    const change = () => {
      setRoute(read());
      scrollTo(0, 0);
      document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true });
    };
    addEventListener('hashchange', change);
    return () => removeEventListener('hashchange', change);
  }, []);
  return route;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function view(name: string, rest: string, overview: Overview | undefined) {
  switch (name) {
    case 'objects':
      return <Objects />;
    case 'object':
      return <ObjectPage key={rest} name={rest} stack={overview} />;
    case 'rejects':
      return <Rejects overview={overview} />;
    case 'dead-letters':
      return <DeadLetters overview={overview} />;
    case 'query':
      return <Query overview={overview} />;
    case 'runs':
      return <Runs overview={overview} />;
    case 'metrics':
      return <Metrics overview={overview} />;
    default:
      return <Flow overview={overview} />;
  }
}

const titles: Readonly<Record<string, string>> = {
  '': 'Flow',
  objects: 'Objects',
  rejects: 'Rejects',
  'dead-letters': 'Dead letters',
  query: 'Query',
  runs: 'Runs',
  metrics: 'Metrics',
};

function App() {
  const [name = '', ...rest] = useRoute();
  const { data: overview, error } = useAnswer<Overview>('/overview', OVERVIEW_MS);
  const place =
    overview && `${overview.stack}${overview.local ? ', on this machine' : `, ${overview.region}`}`;
  const title = titles[name] ?? (name === 'object' ? (rest[0] ?? '') : 'Flow');
  useEffect(() => {
    document.title = `${title} · Sluice ${overview?.stack ?? ''}`;
  }, [title, overview?.stack]);
  const dead = overview?.dead ?? 0;
  const marks: Readonly<Record<string, number>> = {
    'dead-letters': dead,
    runs: overview?.running.length ?? 0,
  };
  return (
    <>
      <button type="button" class="skip" onClick={() => document.querySelector<HTMLElement>('main')?.focus()}>
        Skip to the content
      </button>
      <header>
        <a class="brand" href="#/">
          <img src="/icon.svg" alt="" width="24" height="24" /> Sluice
        </a>
        {place !== undefined && <span class="place">{place}</span>}
        <nav aria-label="Views">
          {Object.entries(titles).map(([of, text]) => {
            const mark = marks[of] ?? 0;
            const isHere = of === name || (of === 'objects' && name === 'object');
            return (
              <a key={of} href={`#/${of}`} aria-current={isHere ? 'page' : undefined}>
                {text}
                {mark > 0 && <span class={of === 'runs' ? 'mark' : 'mark bad'}>{integer(mark)}</span>}
              </a>
            );
          })}
        </nav>
      </header>
      <main id="main" tabIndex={-1}>
        <Problem error={error} />
        {view(name, rest[0] ?? '', overview)}
      </main>
    </>
  );
}

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
