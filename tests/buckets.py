"""A real S3 server for tests: moto's, on a socket."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

import boto3
from moto.server import ThreadedMotoServer

NAME = "leads"


@dataclass
class S3:
    """A running server with a bucket: what its clients must have in the environment, its URL."""

    server: ThreadedMotoServer
    environment: dict[str, str]
    url: str = f"s3://{NAME}/up"


@contextmanager
def s3() -> Iterator[S3]:
    """Give a server that is gone at the end of the block, and this process its settings."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_MAX_ATTEMPTS": "1",
    }
    try:
        with mock.patch.dict(os.environ, environment):
            boto3.client("s3").create_bucket(Bucket=NAME)
            yield S3(server, environment)
    finally:
        server.stop()
