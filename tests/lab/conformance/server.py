"""The server that the official conformance suite asks for: every feature of the protocol, on the official SDK.

Names, texts and schemas of tools, resources and prompts are those that the suite's scenarios look for
(https://github.com/modelcontextprotocol/conformance). It keeps sessions, as servers of the SDKs do unless told
otherwise, and runs in place of the lab's sample server: the same port, the same health check, and on each answer the
pod and the version by which the tests know where it came from.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

import anyio
import mcp_types as types
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.server.mcpserver.tools import Tool
from mcp.server.streamable_http import EventMessage, EventStore
from pydantic import BaseModel, Field
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from mcp.server.streamable_http import EventCallback
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PORT = 8080
RETRY_MILLISECONDS = 500
IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
SOUND = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
EMBEDDED = "test://embedded-resource"


class KeptEvents(EventStore):
    """What a client that comes back has missed."""

    def __init__(self) -> None:
        self._events: list[tuple[str, types.JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: str, message: types.JSONRPCMessage | None) -> str:
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        place = int(last_event_id)
        stream = self._events[place - 1][0]
        for number, (owner, message) in enumerate(self._events[place:], start=place + 1):
            if owner == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
    "additionalProperties": False,
}


async def json_schema_2020_12_tool(name: str = "") -> str:
    """Whose schema uses what is new in JSON Schema 2020-12."""
    return f"JSON Schema 2020-12 tool called with: {name}"


def _with_schema() -> Tool:
    tool = Tool.from_function(json_schema_2020_12_tool)
    return tool.model_copy(update={"parameters": SCHEMA})


server = MCPServer("conformance", version="1.0.0", log_level="WARNING", tools=[_with_schema()])


@server.tool()
async def test_simple_text() -> str:
    """Answer with text."""
    return "This is a simple text response for testing."


@server.tool()
async def test_image_content() -> types.ImageContent:
    """Answer with an image."""
    return types.ImageContent(type="image", data=IMAGE, mime_type="image/png")


@server.tool()
async def test_audio_content() -> types.AudioContent:
    """Answer with sound."""
    return types.AudioContent(type="audio", data=SOUND, mime_type="audio/wav")


def _embedded(uri: str, text: str, mime_type: str = "text/plain") -> types.EmbeddedResource:
    resource = types.TextResourceContents(uri=uri, mime_type=mime_type, text=text)
    return types.EmbeddedResource(type="resource", resource=resource)


@server.tool()
async def test_embedded_resource() -> types.EmbeddedResource:
    """Answer with a resource."""
    return _embedded(EMBEDDED, "This is an embedded resource content.")


@server.tool()
async def test_multiple_content_types() -> list[types.TextContent | types.ImageContent | types.EmbeddedResource]:
    """Answer with text, an image and a resource."""
    return [
        types.TextContent(type="text", text="Multiple content types test:"),
        types.ImageContent(type="image", data=IMAGE, mime_type="image/png"),
        _embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json"),
    ]


@server.tool()
async def test_tool_with_logging(ctx: Context) -> str:
    """Log three lines on the way."""
    for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.info(line)
        await anyio.sleep(0.05)
    return "Logged three lines."


@server.tool()
async def test_tool_with_progress(ctx: Context) -> str:
    """Report progress on the way."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100)
        await anyio.sleep(0.05)
    return "Reported progress."


@server.tool()
async def test_error_handling() -> str:
    """Fail."""
    raise ToolError("This tool intentionally returns an error for testing")


@server.tool()
async def test_reconnection(ctx: Context) -> str:
    """Close the stream in the middle, so that the client comes back for the result."""
    await ctx.close_sse_stream()
    await anyio.sleep(RETRY_MILLISECONDS / 1000)
    return "Reconnection test completed."


@server.tool()
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Ask the client's model."""
    content = types.TextContent(type="text", text=prompt)
    result = await ctx.session.create_message(
        [types.SamplingMessage(role="user", content=content)], max_tokens=100, related_request_id=ctx.request_id
    )
    return f"LLM response: {getattr(result.content, 'text', '')}"


class Answer(BaseModel):
    username: str = Field(description="User's response")
    email: str = Field(description="User's email address")


@server.tool()
async def test_elicitation(message: str, ctx: Context) -> str:
    """Ask the client's user."""
    result = await ctx.elicit(message, Answer)
    return f"User response: action={result.action}, content={getattr(result, 'data', None)}"


class Defaults(BaseModel):
    name: str = "John Doe"
    age: int = 30
    score: float = 95.5
    status: Literal["active", "inactive", "pending"] = "active"
    verified: bool = True


@server.tool()
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Ask with a default for each sort of field."""
    result = await ctx.elicit("Please review and update the form fields with defaults", Defaults)
    return f"Elicitation completed: action={result.action}, content={getattr(result, 'data', None)}"


def _titled(options: dict[str, str]) -> list[dict[str, str]]:
    return [{"const": value, "title": title} for value, title in options.items()]


NUMBERED = {f"value{number}": f"{word} Option" for number, word in enumerate(("First", "Second", "Third"), start=1)}
CHOICES = {f"value{number}": f"{word} Choice" for number, word in enumerate(("First", "Second", "Third"), start=1)}
LEGACY = [f"opt{number}" for number in (1, 2, 3)]
ENUMS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {"type": "string", "oneOf": _titled(NUMBERED)},
        "legacyEnum": {
            "type": "string",
            "enum": LEGACY,
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
        "titledMulti": {"type": "array", "items": {"anyOf": _titled(CHOICES)}},
    },
    "required": [],
}


@server.tool()
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Ask with each sort of choice."""
    result = await ctx.session.elicit_form("Please select options from the enum fields", ENUMS, ctx.request_id)
    return f"Elicitation completed: action={result.action}, content={result.content}"


@server.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """Text that stays."""
    return "This is the content of the static text resource."


@server.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """Bytes that stay."""
    return base64.b64decode(IMAGE)


@server.resource("test://template/{id}/data", mime_type="application/json")
def template(id: str) -> str:  # noqa: A002 - the suite's name
    """Of a template."""
    return f'{{"id":"{id}","templateTest":true,"data":"Data for ID: {id}"}}'


@server.resource("test://watched-resource", mime_type="text/plain")
def watched() -> str:
    """Subscribed to."""
    return "Watched resource content"


@server.prompt()
def test_simple_prompt() -> str:
    """Without arguments."""
    return "This is a simple prompt for testing."


@server.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """With two arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@server.prompt(name="test_prompt_with_embedded_resource")
def prompt_with_embedded_resource(
    resourceUri: Annotated[str, Field(description="URI of the resource to embed")],  # noqa: N803 - the suite's name
) -> list[UserMessage]:
    """With a resource."""
    return [
        UserMessage(_embedded(resourceUri, "Embedded resource content for testing.")),
        UserMessage("Please process the embedded resource above."),
    ]


@server.prompt(name="test_prompt_with_image")
def prompt_with_image() -> list[UserMessage]:
    """With an image."""
    image = types.ImageContent(type="image", data=IMAGE, mime_type="image/png")
    return [UserMessage(image), UserMessage("Please analyze the image above.")]


@server.completion()
async def complete(ref: object, argument: object, context: object) -> types.Completion:
    return types.Completion(values=[], total=0, has_more=False)


async def _nothing(ctx: Any, params: Any) -> types.EmptyResult:
    return types.EmptyResult()


def _without_a_decorator() -> None:
    """Methods that the SDK has no decorator for."""
    handlers = server._lowlevel_server
    handlers.add_request_handler("resources/subscribe", types.SubscribeRequestParams, _nothing)
    handlers.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, _nothing)
    handlers.add_request_handler("logging/setLevel", types.SetLevelRequestParams, _nothing)


class Signed:
    """Each answer says which pod gave it, and of which version."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        signature = {"x-served-by": os.environ.get("POD_NAME", ""), "x-app-version": os.environ.get("APP_VERSION", "")}
        self._headers = [(name.encode(), value.encode()) for name, value in signature.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *self._headers]}
            await send(message)

        await self._app(scope, receive, signed)


async def health(_: Request) -> PlainTextResponse:
    return PlainTextResponse("ok\n")


def main() -> None:
    _without_a_decorator()
    server.custom_route("/health", methods=["GET"])(health)
    # On a loopback address the SDK checks Host and Origin itself; in a pod that is the edge's business.
    host = os.environ.get("HOST", "0.0.0.0")  # noqa: S104
    app = server.streamable_http_app(event_store=KeptEvents(), retry_interval=RETRY_MILLISECONDS, host=host)
    app.user_middleware.append(Middleware(Signed))
    uvicorn.run(app, host=host, port=int(os.environ.get("APP_PORT", PORT)), log_level="warning")


if __name__ == "__main__":
    main()
