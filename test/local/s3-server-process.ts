import { startS3Server } from './s3-server.ts';

// An object store of its own process, to be killed. Its bus is away: no event can be published.
const { endpoint } = await startS3Server({
  directory: process.argv[2] ?? '',
  publish: () => Promise.reject(new Error('The bus is away.')),
});
console.log(endpoint);
