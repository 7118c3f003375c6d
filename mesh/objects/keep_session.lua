-- Leads a request of a session to the pod where the session began, and writes that pod into the id that the client gets.
-- Only routes say what is a session: see sessions.py for their names and for the header that they add to answers.

local AT = "x-mcp-session-at"
local NOWHERE = "0.0.0.0:1"
local NOT_FOUND = '{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}'

local function of_session(handle)
  local route = handle:streamInfo():routeName()
  return route:find("^[^./]+%.mcp%.session%-") or route:find("^[^./]+%.mcp%.anonymous%.session%-")
end

function envoy_on_request(handle)
  local session = handle:headers():get("mcp-session-id")
  if not session or not of_session(handle) then return end
  local id, pod = session:match("^(.+)~[^~]*~([^~]+)$")
  if not id then return end
  -- Text that is no address is an error; no pod has this one, so it ends as a pod that is gone.
  if not pcall(handle.setUpstreamOverrideHost, handle, pod, true) then
    handle:setUpstreamOverrideHost(NOWHERE, true)
  end
  handle:streamInfo():dynamicMetadata():set("mcp.session", "id", id)
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local at = headers:get(AT)
  if not at then return end
  headers:remove(AT)
  local id, status = headers:get("mcp-session-id"), headers:get(":status")
  -- Most answers are neither, and taking the header apart is most of what this costs.
  if not id and status ~= "503" then return end
  local cluster, pod, flags = at:match("^(%S+) (%S*) (%S*)$")
  if not cluster then return end
  if id and pod ~= "" then
    local version = cluster:match("^outbound|%d+|([^|]*)|") or ""
    headers:replace("mcp-session-id", id .. "~" .. version .. "~" .. pod)
  end
  -- UH: no pod has this address any more. UF: it has, and nobody answers there.
  if status ~= "503" or (flags ~= "UH" and not flags:find("UF", 1, true)) then return end
  if not of_session(handle) then return end
  headers:replace(":status", "404")
  headers:replace("content-type", "application/json")
  handle:body(true):setBytes(NOT_FOUND)
end
