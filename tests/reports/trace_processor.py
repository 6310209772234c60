"""Perfetto's own trace processor, as WebAssembly in a browser; the messages are those of its Python package.

That package would download a program for the machine; the build of the user interface on npm brings the same reader.
"""

import base64
import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from perfetto.common.query_result_iterator import QueryResultIterator
from perfetto.trace_processor.platform import PlatformDelegate
from perfetto.trace_processor.protos import ProtoFactory

START = """
window.replies = [];
const channel = new MessageChannel();
const worker = new Worker("engine_bundle.js");
worker.onerror = (e) => window.replies.push("error " + e.message);
channel.port1.onmessage = (message) => {
    let text = "";
    for (const byte of message.data) text += String.fromCharCode(byte);
    window.replies.push(btoa(text));
};
worker.postMessage({enginePort: channel.port2}, [channel.port2]);
window.ask = (text) => channel.port1.postMessage(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
"""
# More than this in one message and the driver grows slow.
CHUNK = 1 << 20


class Quiet(SimpleHTTPRequestHandler):
    """Serves the package's files without a word."""

    def log_message(self, *_):
        pass


class TraceProcessor:
    """Reads one trace, then answers SQL."""

    def __init__(self, driver, package, trace):
        self.protos = ProtoFactory(PlatformDelegate())
        self.stream = bytearray()
        self.sequence = 0
        self.driver = driver
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(package)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        driver.set_script_timeout(60)
        driver.get(f"http://127.0.0.1:{self.server.server_port}/perfetto.css")
        driver.execute_script(START)
        kinds = self.protos.TraceProcessorRpc
        data = trace.read_bytes()
        for at in range(0, len(data), CHUNK):
            answer = self._call(kinds.TPM_APPEND_TRACE_DATA, append_trace_data=data[at : at + CHUNK])
            assert not answer.append_result.error, answer.append_result.error
        self._call(kinds.TPM_FINALIZE_TRACE_DATA)

    def close(self):
        """Stops serving the package."""
        self.server.shutdown()
        self.server.server_close()

    def query(self, sql):
        """The rows that a statement selects."""
        names, batches = [], []
        request = self.protos.QueryArgs(sql_query=sql)
        answer = self._call(self.protos.TraceProcessorRpc.TPM_QUERY_STREAMING, query_args=request)
        while True:
            assert not answer.query_result.error, answer.query_result.error
            names = names or list(answer.query_result.column_names)
            batches.extend(answer.query_result.batch)
            if batches and batches[-1].is_last_batch:
                return list(QueryResultIterator(names, batches))
            answer = self._answer()

    def _call(self, method, **arguments):
        request = self.protos.TraceProcessorRpc(seq=self.sequence, request=method, **arguments)
        self.sequence += 1
        stream = self.protos.TraceProcessorRpcStream(msg=[request])
        self.driver.execute_script("ask(arguments[0])", base64.b64encode(stream.SerializeToString()).decode())
        return self._answer()

    def _answer(self):
        while True:
            message = self._message()
            if message is not None:
                assert not message.fatal_error, message.fatal_error
                return message
            got = self.driver.execute_async_script(
                "const done = arguments[0]; (function look() {"
                " if (replies.length) done(replies.splice(0)); else setTimeout(look, 5); })();"
            )
            for part in got:
                assert not part.startswith("error"), part
                self.stream += base64.b64decode(part)

    def _message(self):
        """One whole message of the stream: a tag, a varint of its length, its bytes."""
        length, shift, at = 0, 0, 1
        while True:
            if at >= len(self.stream):
                return None
            length |= (self.stream[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if self.stream[at - 1] < 0x80:
                break
        if len(self.stream) < at + length:
            return None
        message = self.protos.TraceProcessorRpc.FromString(bytes(self.stream[at : at + length]))
        del self.stream[: at + length]
        return message
