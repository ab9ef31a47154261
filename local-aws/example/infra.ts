import * as aws from '@pulumi/aws';

const queue = new aws.sqs.Queue('letters');
export const letters = queue.url;
