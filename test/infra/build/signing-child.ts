// Signs with the credentials that the SDK finds, bundled by a test: a password of a database, and a URL.
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Signer } from '@aws-sdk/rds-signer';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

const signer = new Signer({ hostname: 'db.example', port: 3306, username: 'loading' });
const object = new GetObjectCommand({ Bucket: 'bucket', Key: 'key' });
console.log(JSON.stringify([await signer.getAuthToken(), await getSignedUrl(new S3Client(), object)]));
