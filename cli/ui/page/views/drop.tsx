import { useRef, useState } from 'preact/hooks';
import { count, integer } from '../../../terminal/units.ts';
import type { Overview } from '../../overview.ts';
import { putFile, query } from '../fetching.ts';
import { Outside } from '../parts.tsx';

interface Upload {
  readonly key: string;
  readonly share: number;
  readonly error?: string;
}

/** The raw bucket, which takes files: dropped, or chosen by the keyboard. */
export function Drop({
  datasets,
  total,
}: {
  readonly datasets: Overview['datasets'];
  readonly total: number | undefined;
}) {
  const [prefix, setPrefix] = useState(datasets[0]?.prefix ?? '');
  const [isOver, setIsOver] = useState(false);
  const [uploads, setUploads] = useState<readonly Upload[]>([]);
  const input = useRef<HTMLInputElement>(null);
  const send = async (files: readonly File[]) => {
    for (const file of files) {
      const key = `${prefix}${file.name}`;
      const show = (upload: Upload) =>
        setUploads((before) => [upload, ...before.filter((each) => each.key !== key)].slice(0, 5));
      show({ key, share: 0 });
      try {
        await putFile(`/upload${query({ key })}`, file, (share) => show({ key, share }));
        show({ key, share: 1 });
      } catch (error) {
        show({ key, share: 0, error: (error as Error).message });
      }
    }
  };
  return (
    <article
      class={`stage start ${isOver ? 'over' : ''}`}
      aria-label="raw bucket"
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setIsOver(false);
        void send([...(event.dataTransfer?.files ?? [])]);
      }}
    >
      <h2>raw bucket</h2>
      <p class="what">
        {total === undefined ? 'files land here' : <a href="#/objects">{count(total, 'file')}</a>}
      </p>
      <label class="fine">
        Dataset{' '}
        <select value={prefix} onChange={(event) => setPrefix(event.currentTarget.value)}>
          {datasets.map(({ name, prefix: of }) => (
            <option key={name} value={of}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <button type="button" class="drop" onClick={() => input.current?.click()}>
        Drop a file here, or choose one
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Files to upload"
        onChange={(event) => {
          void send([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = '';
        }}
      />
      <ul class="uploads" aria-live="polite">
        {uploads.map(({ key, share, error }) => (
          <li key={key} class="fine">
            {error === undefined ? (share < 1 ? `${integer(Math.round(share * 100))} % ` : '✓ ') : '✕ '}
            <Outside text={error === undefined ? key : `${key}: ${error}`} />
          </li>
        ))}
      </ul>
    </article>
  );
}
