-- Before this stands HOSTS: by host its paths (a set), limit (bytes), subject (the header that only a verified token
-- writes: what a client sends under its name is dropped) and anonymous (whether a request without a token is read too).
--
-- Reads which method, and which tool, a JSON-RPC request calls, into dynamic metadata for the routes to match; and for
-- the access log which session and protocol version it says. Only what has a known form is left there.
--
-- A server may read a body otherwise than a proxy does, so nothing with two readings is read at all: no batch, no
-- doubled key, no key that differs from a known one by its case, no other charset, no coding, nothing beyond the limit.
-- What is not read has no metadata, and the routes refuse it.

local MAX_DEPTH = 64
local KNOWN = { jsonrpc = true, id = true, method = true, params = true, result = true, error = true, name = true }
local ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local find, sub, byte, lower = string.find, string.sub, string.byte, string.lower

local function skip(text, at)
  return find(text, "[^ \t\r\n]", at) or #text + 1
end

-- The position after a string that begins at `at`, and its value; nil as the value where it has more than ASCII.
local function read_string(text, at)
  local parts, ascii, from = {}, true, at + 1
  while true do
    local stop = find(text, '["\\%c]', from)
    if not stop then error("string without end") end
    parts[#parts + 1] = sub(text, from, stop - 1)
    local char = sub(text, stop, stop)
    if char == '"' then
      local value = table.concat(parts)
      if find(value, "[\128-\255]") then ascii = false end
      return stop + 1, ascii and value or nil
    elseif char ~= "\\" then
      error("control character")
    end
    local code = sub(text, stop + 1, stop + 1)
    if code == "u" then
      local digits = sub(text, stop + 2, stop + 5)
      if not find(digits, "^%x%x%x%x$") then error("escape") end
      local number = tonumber(digits, 16)
      if number < 128 then parts[#parts + 1] = string.char(number) else ascii = false end
      from = stop + 6
    else
      local plain = ESCAPES[code]
      if not plain then error("escape") end
      parts[#parts + 1] = plain
      from = stop + 2
    end
  end
end

local read_value

-- `wanted` names the keys whose values are kept; without it an object is only read to its end.
local function read_object(text, at, depth, wanted)
  local seen, kept = {}, {}
  at = skip(text, at + 1)
  if sub(text, at, at) == "}" then return at + 1, kept end
  while true do
    if sub(text, at, at) ~= '"' then error("key") end
    local key, value
    at, key = read_string(text, at)
    if wanted then
      if not key then error("key is not ASCII") end
      local folded = lower(key)
      if seen[folded] then error("doubled key") end
      if folded ~= key and KNOWN[folded] then error("key in another case") end
      seen[folded] = true
    end
    at = skip(text, at)
    if sub(text, at, at) ~= ":" then error("colon") end
    at, value = read_value(text, skip(text, at + 1), depth + 1, wanted and wanted[key])
    if wanted and wanted[key] ~= nil then kept[key] = value end
    at = skip(text, at)
    local char = sub(text, at, at)
    if char == "}" then return at + 1, kept end
    if char ~= "," then error("comma") end
    at = skip(text, at + 1)
  end
end

local function read_array(text, at, depth)
  at = skip(text, at + 1)
  if sub(text, at, at) == "]" then return at + 1, {} end
  while true do
    at = skip(text, (read_value(text, at, depth + 1)))
    local char = sub(text, at, at)
    if char == "]" then return at + 1, {} end
    if char ~= "," then error("comma") end
    at = skip(text, at + 1)
  end
end

read_value = function(text, at, depth, wanted)
  if depth > MAX_DEPTH then error("too deep") end
  local char = sub(text, at, at)
  if char == '"' then
    local value
    at, value = read_string(text, at)
    return at, value or false
  elseif char == "{" then
    return read_object(text, at, depth, type(wanted) == "table" and wanted or nil)
  elseif char == "[" then
    return read_array(text, at, depth)
  end
  for _, word in ipairs({ "true", "false", "null" }) do
    if sub(text, at, at + #word - 1) == word then return at + #word, false end
  end
  local stop = select(2, find(text, "^-?%d+", at))
  if not stop or find(text, "^-?0%d", at) then error("value") end
  stop = select(2, find(text, "^%.%d+", stop + 1)) or stop
  stop = select(2, find(text, "^[eE][+-]?%d+", stop + 1)) or stop
  return stop + 1, false
end

-- "METHOD", "tools/call NAME", or "response" for a client's answer to the server; an error where it cannot be said.
local function call_of(text)
  if find(text, "[\192\193\245-\255%z]") then error("not UTF-8") end
  local at = skip(text, 1)
  if sub(text, at, at) ~= "{" then error("no single message") end
  local message
  at, message = read_object(text, at, 1, { method = true, params = { name = true }, result = true, error = true })
  if skip(text, at) <= #text then error("more than one value") end
  local method = message.method
  if method == nil and (message.result ~= nil or message.error ~= nil) and message.params == nil then
    return "response"
  end
  if type(method) ~= "string" or not find(method, "^[A-Za-z$][A-Za-z_$./-]*$") then error("method") end
  if method == "response" or (lower(method) == "tools/call" and method ~= "tools/call") then error("method") end
  if method ~= "tools/call" then return method end
  local name = type(message.params) == "table" and message.params.name
  if type(name) ~= "string" or #name > 128 or not find(name, "^[A-Za-z0-9_.-]+$") then error("name") end
  return "tools/call " .. name
end

-- 32 bits tell sessions apart and do not lead back to an id, which is as good as a key.
local function digest(session)
  local sum = 0
  for at = 1, #session do sum = (sum * 65599 + byte(session, at)) % 4294967296 end
  return string.format("%08x", sum)
end

-- JSON in UTF-8 and nothing done to it.
local function plain_json(headers)
  if (headers:get("content-encoding") or "identity") ~= "identity" then return false end
  local kind = lower(headers:get("content-type") or "")
  local essence, charset = find(kind, "^application/json%s*$"), find(kind, '^application/json%s*;%s*charset="?utf%-8"?%s*$')
  return (essence or charset) ~= nil
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if headers:get(":method") ~= "POST" then return end
  local host = lower(headers:get(":authority") or ""):gsub(":%d+$", "")
  local path = (headers:get(":path") or ""):gsub("?.*$", "")
  local known = HOSTS[host]
  if not known or not known.paths[path] then return end
  -- The header and not the token's metadata, of which Envoy would make a table of Lua for each request.
  if not known.anonymous and not headers:get(known.subject) then return end
  if not plain_json(headers) or (tonumber(headers:get("content-length") or 0) or known.limit + 1) > known.limit then return end
  -- Headers are out of reach once the body has been waited for.
  local session, version = headers:get("mcp-session-id"), headers:get("mcp-protocol-version") or ""
  local body = handle:body()
  if body == nil or body:length() > known.limit then return end
  local read, call = pcall(call_of, body:getBytes(0, body:length()))
  if not read then return end
  local metadata = handle:streamInfo():dynamicMetadata()
  local function leave(key, value)
    if value then metadata:set("mcp.call", key, value) end
  end
  local tool = call:match("^tools/call (.+)$")
  leave("call", call)
  leave("method", tool and "tools/call" or call)
  leave("tool", tool)
  leave("session", session and digest(sub(session, 1, 256)))
  leave("protocol_version", version:match("^%d%d%d%d%-%d%d%-%d%d$"))
  handle:clearRouteCache()
end
