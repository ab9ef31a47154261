import { XMLBuilder } from 'fast-xml-parser';
import type { ServiceError } from '../service-error.ts';
import type { WireResponse } from './service.ts';

const xml = new XMLBuilder({ format: false });

/** An error as S3 sends it ("Amazon S3 API Reference: Error responses"). */
export function xmlError(error: ServiceError, requestId: string): WireResponse {
  const { code, message, details } = error;
  const document = { Error: { Code: code, Message: message, ...details, RequestId: requestId } };
  return {
    status: error.status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n${xml.build(document)}`,
  };
}

/** An error as the AWS JSON and REST-JSON protocols send it ("Smithy: AWS JSON 1.0 protocol, Operation error serialization"). */
export function jsonError(error: ServiceError): WireResponse {
  return {
    status: error.status,
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-errortype': error.code },
    body: JSON.stringify({ ...error.details, __type: error.code, message: error.message }),
  };
}
