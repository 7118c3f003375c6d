// `node --import ./authorized.mjs PROGRAM`: each of its requests to URL (in the environment) carries TOKEN.
import { Agent, setGlobalDispatcher } from "undici";

const { origin } = new URL(process.env.URL);
const authorization = `Bearer ${process.env.TOKEN}`;
const authorized = (dispatch) => (options, handler) => {
  const headers = Array.isArray(options.headers)
    ? [...options.headers, "authorization", authorization]
    : { ...Object.fromEntries(Object.entries(options.headers ?? {})), authorization };
  return dispatch(String(options.origin) === origin ? { ...options, headers } : options, handler);
};
setGlobalDispatcher(new Agent().compose(authorized));
