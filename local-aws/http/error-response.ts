import { XMLBuilder } from 'fast-xml-parser';
import type { ServiceError } from '../core/service-error.ts';
import type { WireResponse } from './service.ts';

const xml = new XMLBuilder({ format: false });

/** An error as S3 sends it ("Amazon S3 API Reference: Error responses"). */
export function xmlError(error: ServiceError, requestId: string): WireResponse {
  const { code, message, details } = error;
  return xmlDocument(error, { Error: { Code: code, Message: message, ...details, RequestId: requestId } });
}

/**
 * An error as the older, form-based protocol sends it ("Smithy: AWS query protocol, Operation error
 * serialization").
 */
export function queryError(error: ServiceError, requestId: string): WireResponse {
  const { code, message } = error;
  return xmlDocument(error, {
    ErrorResponse: { Error: { Code: code, Message: message }, RequestId: requestId },
  });
}

function xmlDocument({ status }: ServiceError, document: object): WireResponse {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n${xml.build(document)}`,
  };
}

/**
 * Errors of a service that had the older protocol before it had JSON ("Smithy: AWS query-compatible trait").
 * `queryCodes` has the codes that differ in the older one.
 */
export const queryCompatibleError =
  (namespace: string, queryCodes: Readonly<Record<string, string>>) =>
  ({ code, status, message }: ServiceError): WireResponse => ({
    status,
    headers: {
      'x-amzn-query-error': `${queryCodes[code] ?? code};${status < 500 ? 'Sender' : 'Receiver'}`,
    },
    body: JSON.stringify({ __type: `${namespace}#${code}`, message }),
  });

/**
 * An error as the AWS JSON and REST-JSON protocols send it ("Smithy: AWS JSON 1.0 protocol, Operation error
 * serialization").
 */
export function jsonError(error: ServiceError): WireResponse {
  return {
    status: error.status,
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-errortype': error.code },
    body: JSON.stringify({ ...error.details, __type: error.code, message: error.message }),
  };
}
