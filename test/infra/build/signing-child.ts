// Prints what the SDK signs with, bundled by a test: a database's password and a client's credentials.
import { S3Client } from '@aws-sdk/client-s3';
import { Signer } from '@aws-sdk/rds-signer';

const signer = new Signer({ hostname: 'db.example', port: 3306, username: 'loading' });
const { accessKeyId, sessionToken } = await new S3Client().config.credentials();
console.log(JSON.stringify({ password: await signer.getAuthToken(), accessKeyId, sessionToken }));
