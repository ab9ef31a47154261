import { XMLParser } from 'fast-xml-parser';
import type { ServiceError } from '../../core/service-error.ts';
import type { WireResponse } from '../../http/service.ts';
import { malformedXml, RefusalWithHeaders } from './errors.ts';

type XmlValue = string | number | boolean | undefined | XmlElements | readonly XmlElements[];
/** Elements by name, in order; undefined leaves one out, an array repeats it. */
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
      if (Array.isArray(value)) return value.map((each) => `<${name}>${render(each)}</${name}>`).join('');
      const content = typeof value === 'object' ? render(value as XmlElements) : escapeXml(`${value}`);
      return `<${name}>${content}</${name}>`;
    })
    .join('');
}

/**
 * Line ends and control characters too, for a parser would change the former, and the latter may occur in keys. XML 1.0
 * does not allow some of them even so; S3 sends them the same way, and `encoding-type=url` is there to avoid it.
 */
function escapeXml(text: string): string {
  return text.replace(
    /[&<>"\p{Cc}\ufffe\uffff]/gu,
    (character) => `&#x${character.codePointAt(0)?.toString(16)};`,
  );
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Control characters too, the other way round than `escapeXml`. @throws for what stands for no character */
function decodeReference(reference: string): string {
  const [, hexadecimal, decimal, name = ''] = /^&(?:#x([0-9a-f]+)|#(\d+)|(\w+));$/i.exec(reference) ?? [];
  const digits = hexadecimal ?? decimal;
  const character =
    digits === undefined
      ? entities[name]
      : String.fromCodePoint(Number.parseInt(digits, hexadecimal === undefined ? 10 : 16));
  if (character?.isWellFormed()) return character;
  throw new RangeError(`${reference} is no character.`);
}

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  // The parser's own decoder leaves out the characters that XML 1.0 forbids, and so makes another key of a key.
  entityDecoder: {
    decode: (text) => text.replace(/&[^;]*;?/g, decodeReference),
    reset() {},
    setXmlVersion() {},
    setExternalEntities() {},
    addInputEntities() {},
  },
  isArray: (name) => name === 'Object' || name === 'Part',
});

/** What the element `root` of a request's document holds. @throws MalformedXML */
export function parseXml(text: string, root: string): Record<string, unknown> {
  try {
    const element = (parser.parse(text, true) as Record<string, unknown>)[root];
    if (typeof element === 'object' && element !== null) return { ...element };
  } catch {
    // Answered below.
  }
  throw malformedXml();
}

/** Time as S3's documents write it; S3 keeps whole seconds. */
export function xmlTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}.000Z`;
}
