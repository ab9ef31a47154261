import { XMLParser } from 'fast-xml-parser';
import type { ServiceError } from '../../core/service-error.ts';
import type { WireResponse } from '../../http/service.ts';
import { malformedXml, RefusalWithHeaders } from './errors.ts';

type XmlValue = string | number | boolean | undefined | XmlElements | readonly (XmlElements | string)[];
/** Elements by name, in order; undefined omits one, an array repeats it. */
interface XmlElements {
  readonly [name: string]: XmlValue;
}

const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** A document in S3's namespace. */
export function xmlResponse(
  root: string,
  content: XmlElements | string,
  headers?: Record<string, string>,
): WireResponse {
  const inner = typeof content === 'string' ? escapeXml(content) : render(content);
  const body = `${declaration}<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</${root}>`;
  return { status: 200, headers: { 'content-type': 'application/xml', ...headers }, body };
}

/** "Amazon S3 API Reference: Error responses". An answer to HEAD has no body. */
export function errorResponse(
  error: ServiceError,
  request: { readonly method: string; readonly path: string; readonly requestId: string },
): WireResponse {
  const headers = {
    'content-type': 'application/xml',
    ...(error instanceof RefusalWithHeaders && error.headers),
  };
  if (request.method === 'HEAD') return { status: error.status, headers };
  const elements = {
    Code: error.code,
    Message: error.message,
    ...error.details,
    Resource: request.path,
    RequestId: request.requestId,
  };
  return { status: error.status, headers, body: `${declaration}<Error>${render(elements)}</Error>` };
}

function render(elements: XmlElements): string {
  return Object.entries(elements)
    .map(([name, value]) => {
      if (value === undefined) return '';
      return [value]
        .flat()
        .map((each) => {
          const content = typeof each === 'object' ? render(each as XmlElements) : escapeXml(`${each}`);
          return `<${name}>${content}</${name}>`;
        })
        .join('');
    })
    .join('');
}

/**
 * Also escapes line ends, which a parser would change, and control characters, which may occur in keys. XML
 * 1.0 forbids some of them even when escaped; S3 sends them in this form, and `encoding-type=url` avoids it.
 */
function escapeXml(text: string): string {
  return text.replace(
    /[&<>"\p{Cc}\ufffe\uffff]/gu,
    (character) => `&#x${character.codePointAt(0)?.toString(16)};`,
  );
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The inverse of `escapeXml`, including control characters. @throws for a reference to no character */
function decodeReference(reference: string): string {
  const [, hexadecimal, decimal, name = ''] = /^&(?:#x([0-9a-f]+)|#(\d+)|(\w+));$/i.exec(reference) ?? [];
  const digits = hexadecimal ?? decimal;
  const character =
    digits === undefined
      ? entities[name]
      : String.fromCodePoint(Number.parseInt(digits, hexadecimal === undefined ? 10 : 16));
  if (character?.isWellFormed()) return character;
  throw new RangeError(`${reference} is not a character.`);
}

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  // The parser's own decoder omits characters that XML 1.0 forbids, which would change a key.
  entityDecoder: {
    decode: (text) => text.replace(/&[^;]*;?/g, decodeReference),
    reset() {},
    setXmlVersion() {},
    setExternalEntities() {},
    addInputEntities() {},
  },
  isArray: (name) => name === 'Object' || name === 'Part',
});

/** The content of a request document's element `root`. @throws MalformedXML */
export function parseXml(text: string, root: string): Record<string, unknown> {
  try {
    const element = (parser.parse(text, true) as Record<string, unknown>)[root];
    if (typeof element === 'object' && element !== null) return { ...element };
  } catch {
    // Answered below.
  }
  throw malformedXml();
}

/** Time in the format of S3's documents; S3 stores whole seconds. */
export function xmlTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}.000Z`;
}
