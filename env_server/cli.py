"""`stillweb serve`: settings from the command line, a check that the port is free, and the workers."""

from __future__ import annotations

import contextlib
import ipaddress
import mmap
import os
import resource
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import orjson
import typer

from corpus.errors import CorpusError
from corpus.manifest import check_sizes, read_manifest

if TYPE_CHECKING:
    import uvicorn

SnapshotArgs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME=]DIR...", help="Snapshots to serve; none: the demo, built on first use."),
]


def serve(
    snapshots: SnapshotArgs = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8080,
    also: Annotated[
        list[str] | None,
        typer.Option(metavar="DIALECT=PORT", help="Give a dialect a port of its own: tavily=8081. May be repeated."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that share the port.", min=1, envvar="STILLWEB_WORKERS")] = 1,
    encoder: Annotated[str, typer.Option(help="Encoder of the demo: static or minilm.")] = "static",
    token: Annotated[str | None, typer.Option(envvar="STILLWEB_TOKEN", help="Bearer token to ask for.")] = None,
    no_token: Annotated[bool, typer.Option("--no-token", help="Serve off loopback without a token.")] = False,
    cache_mb: Annotated[
        int | None, typer.Option(help="Finished answers kept, MB over all workers; 0: none. [default: 512]", min=0)
    ] = None,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="One log line per request.", envvar="STILLWEB_ACCESS_LOG")
    ] = False,
    weather: Annotated[
        str | None,
        typer.Option(metavar="PROFILE", help="Weather of all calls: calm, weekday, storm, only-…, or a YAML file."),
    ] = None,
    virtual_time: Annotated[
        bool, typer.Option("--virtual-time", help="Tell what the weather delays in a header instead of waiting.")
    ] = False,
    obfuscate: Annotated[
        int | None, typer.Option(metavar="SEED", help="Show every page at an invented address, drawn from SEED.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            envvar="STILLWEB_DATABASE",
            metavar="FILE|URL",
            help="Keep episodes here: a file (SQLite) or postgresql://USER@HOST/NAME.",
        ),
    ] = None,
    tasks: Annotated[Path | None, typer.Option(help="Task file to open episodes from.")] = None,
    prices: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Price table of the ledger and of budgets in dollars.")
    ] = None,
    price_as: Annotated[
        str, typer.Option(metavar="VENDOR", help="Price calls that have no vendor of their own as this one's.")
    ] = "serper",
    control_token: Annotated[
        str | None, typer.Option(envvar="STILLWEB_CONTROL_TOKEN", help="Token of episodes, tasks and metrics alone.")
    ] = None,
    control_port: Annotated[
        int | None, typer.Option(help="Answer episodes, tasks, ledger, metrics at this port alone.", min=1, max=65535)
    ] = None,
    keep_episodes_days: Annotated[
        float | None, typer.Option(metavar="DAYS", help="Remove episodes that ended this long ago.", min=0.001)
    ] = None,
    exclude_url: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Hide this page from every request. May be repeated.")
    ] = None,
    exclude_domain: Annotated[
        list[str] | None, typer.Option(metavar="DOMAIN", help="Hide the pages of this domain and of those below it.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="DATE", help="Hide pages dated on or after this day; undated ones stay.")
    ] = None,
    record: Annotated[
        str | None, typer.Option(metavar="RECORDING", help="Ask the live APIs, and keep their answers here.")
    ] = None,
    replay: Annotated[
        str | None, typer.Option(metavar="RECORDING", help="Answer from this recording, without the live web.")
    ] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIALECT=MODE", help="local, record, replay, live or local-then-live for one. May be repeated."
        ),
    ] = None,
    on_miss: Annotated[
        str, typer.Option(metavar="POLICY", help="What a replay answers where nothing is kept: error, local or empty.")
    ] = "error",
    upstream: Annotated[
        list[str] | None,
        typer.Option(metavar="DIALECT=URL", help="Ask here in place of the vendor; the second is the backup."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST[:PORT]", help="Fetch pages from this host though it is not of the public web."),
    ] = None,
    save_address_to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Put a file with this address here: ASearcher's RAG_SERVER_ADDR_DIR."),
    ] = None,
) -> None:
    """Serve snapshots over HTTP. Without one: the demo, the World Factbook, built on first use."""
    if not token and not no_token and not _is_loopback(host):
        _fail(
            f"{host} can be reached from other machines. Give --token (or STILLWEB_TOKEN), or --no-token if the "
            "network keeps strangers out."
        )
    also_ports = _also(also or [])
    recordings = _recordings(record, replay, mode or [], upstream or [], on_miss, allow_host or [])
    own_ports = [*also_ports.values()] + ([] if control_port is None else [control_port])
    ports = [port, *own_ports]
    if len(set(ports)) < len(ports):
        _fail(f"Two of --port, --also and --control-port are the same port: {', '.join(map(str, ports))}.")
    for each in ports:
        _check_port(host, each)
    named = _named(snapshots) if snapshots else {"demo": demo_snapshot(encoder)}
    for path in named.values():
        try:
            check_sizes(path, read_manifest(path))  # here, in a line, rather than in each worker, with a traceback
        except CorpusError as error:
            _fail(str(error))
    os.environ["STILLWEB_SNAPSHOTS"] = orjson.dumps({name: str(path) for name, path in named.items()}).decode()
    os.environ["STILLWEB_WORKERS"] = str(workers)
    os.environ["STILLWEB_ALSO"] = orjson.dumps(also_ports).decode()
    os.environ.update(recordings)
    if cache_mb is not None:
        os.environ["STILLWEB_CACHE_BYTES"] = str(cache_mb * 1024**2)
    os.environ["STILLWEB_ACCESS_LOG"] = str(access_log)
    if tasks is not None and database is None:
        _fail("--tasks needs --database FILE: that is where the episodes are kept which tasks are opened in.")
    if tasks is not None and not tasks.is_file():
        _fail(f"{tasks} is no file. --tasks takes JSON lines of tasks; see docs/episodes.md.")
    if weather is not None:
        _check_weather(weather)
    _check_masks(exclude_domain or [], as_of)
    if prices is not None or price_as != "serper":
        _check_prices(prices, price_as)
    for name, value in {
        "WEATHER": weather,
        "VIRTUAL_TIME": virtual_time or None,
        "OBFUSCATION_SEED": obfuscate,
        "DATABASE": database,
        "TASKS": tasks,
        "PRICES": prices,
        "PRICE_AS": price_as,
        "CONTROL_TOKEN": control_token,
        "CONTROL_PORT": control_port,
        "EPISODE_KEEP_S": None if keep_episodes_days is None else keep_episodes_days * 86_400,
        "EXCLUDE_URLS": _as_json(exclude_url),
        "EXCLUDE_DOMAINS": _as_json(exclude_domain),
        "AS_OF": as_of,
    }.items():
        if value is not None:
            os.environ[f"STILLWEB_{name}"] = str(value)
    if token:
        os.environ["STILLWEB_TOKEN"] = token
    shown = f"[{host}]" if ":" in host else host
    print(f"Stillweb serves {', '.join(named)} at http://{shown}:{port}  (API: /docs, stop: Ctrl-C)", file=sys.stderr)
    for name, its_port in also_ports.items():
        print(f"  {name} alone at http://{shown}:{its_port}", file=sys.stderr)
    if recordings:
        modes = orjson.loads(recordings["STILLWEB_MODES"])
        told = ", ".join(f"{dialect} {mode}" for dialect, mode in sorted(modes.items()) if mode != "local")
        print(f"  {told}; all else is local", file=sys.stderr)
    if control_port is not None:
        print(f"  episodes, tasks, ledger and metrics at http://{shown}:{control_port} alone", file=sys.stderr)
    with contextlib.ExitStack() as stack:
        os.environ.pop("STILLWEB_SHARED_ANSWERS", None)  # another server's, whose settings may be others
        if workers > 1:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="stillweb-metrics-"))
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            _share_answers()
        if save_address_to is not None:
            _announce(stack, save_address_to, host, port)
        for each in ports:
            _claim(stack, host, each)
        _run(host, ports, workers)


def demo_snapshot(encoder: str) -> Path:
    """The demo's folder, built if it is not there: STILLWEB_HOME, or the user's cache directory.

    Its name carries the build's settings, so that another version or encoder gets a folder of its own.
    """
    from hashlib import sha256

    from corpus.build import BuildOptions, build_snapshot
    from corpus.cli import progress_bar
    from corpus.encoders import open_encoder
    from corpus.resume import code_of

    home = os.environ.get("STILLWEB_HOME")
    cache = Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stillweb"
    mark = sha256(f"{BuildOptions(encoder=encoder)} {code_of()}".encode()).hexdigest()[:8]
    folder = cache / "snapshots" / f"demo-{encoder.replace('/', '-').replace(':', '-')}-{mark}"
    try:
        if not (folder / "manifest.json").is_file():
            open_encoder(encoder)  # an encoder that cannot be had is told before anything else
            print(f"Building the demo, the World Factbook, in {folder}", file=sys.stderr)
            build_snapshot(["factbook:"], folder, BuildOptions(encoder=encoder), progress=progress_bar)
    except CorpusError as error:
        _fail(str(error))
    return folder


def _named(arguments: list[str]) -> dict[str, Path]:
    """NAME=DIR, or DIR under its own name. Later snapshots answer under /s/NAME/ only."""
    named: dict[str, Path] = {}
    for argument in arguments:
        name, mark, rest = argument.partition("=")
        path = Path(rest if mark else argument)
        name = name if mark else path.resolve().name
        if not name or "/" in name:
            _fail(f"{argument!r}: a snapshot's name stands in URLs. Write NAME=DIR with a name without slashes.")
        if not path.is_dir():
            _fail(f"{path} is no folder. Build a snapshot there: stillweb corpus build SOURCE... --out {path}")
        if name in named:
            _fail(f"Two snapshots are named {name!r}. Write NAME=DIR to tell them apart.")
        named[name] = path
    return named


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_port(host: str, port: int) -> None:
    """Leave with a clear word where the port is taken: uvicorn's workers would only die, one after another."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            _refuse(host, port, error)


def _claim(stack: contextlib.ExitStack, host: str, port: int) -> None:
    from env_server.listening import claimed

    try:
        stack.enter_context(claimed(host, port))
    except OSError as error:
        _refuse(host, port, error)


def _refuse(host: str, port: int, error: OSError) -> NoReturn:
    _fail(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another port with --port.")


def _as_json(values: list[str] | None) -> str | None:
    """A list as the environment takes it; None where it is not given."""
    return orjson.dumps(values).decode() if values else None


def _check_weather(name: str) -> None:
    """Leave with a clear word here, rather than in each worker with a traceback."""
    from env_server.errors import EnvServerError
    from env_server.weather.profiles import profile_named

    try:
        profile_named(name)
    except EnvServerError as error:
        _fail(f"{error.problem.message} {error.problem.remedy}")


def _check_masks(exclude_domains: list[str], as_of: str | None) -> None:
    from env_server.errors import EnvServerError
    from env_server.sight import check_masks

    try:
        check_masks(exclude_domains, as_of)
    except EnvServerError as error:
        _fail(f"{error.problem.message} {error.problem.remedy}")


def _check_prices(path: Path | None, price_as: str) -> None:
    from env_server.errors import EnvServerError
    from env_server.ledger.prices import Tariff, prices_of

    try:
        Tariff(prices_of(path), price_as)
    except EnvServerError as error:
        _fail(f"{error.problem.message} {error.problem.remedy}")


def _also(arguments: list[str]) -> dict[str, int]:
    """DIALECT=PORT arguments as {dialect: port}."""
    from env_server.dialects import DIALECTS

    ports: dict[str, int] = {}
    for argument in arguments:
        name, _, port = argument.partition("=")
        if name not in DIALECTS or name in ports or not port.isdigit() or not 0 < int(port) < 65536:
            _fail(f"--also {argument!r}: write DIALECT=PORT, each dialect once, of: {', '.join(sorted(DIALECTS))}.")
        ports[name] = int(port)
    return ports


def _recordings(
    record: str | None,
    replay: str | None,
    modes: list[str],
    upstreams: list[str],
    on_miss: str,
    allow_hosts: list[str],
) -> dict[str, str]:
    """The settings that the options about recordings mean."""
    if not (record or replay or modes):
        return {}
    from env_server.dialects import DIALECTS
    from env_server.recording.opening import environment_of

    try:
        return environment_of(
            DIALECTS,
            os.environ,
            record=record,
            replay=replay,
            modes=modes,
            upstreams=upstreams,
            on_miss=on_miss,
            allow_hosts=allow_hosts,
        )
    except ValueError as error:
        _fail(str(error))


def _run(host: str, ports: list[int], workers: int) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from env_server.listening import shared_by_workers

    _open_many_files()
    configs = [_config(host, port, workers) for port in ports]
    # One server, one application, several sockets: which one a request came by tells its dialect.
    sockets = [config.bind_socket() for config in configs]
    if workers > 1:
        try:
            shared = [shared_by_workers(bound) for bound in sockets]
        except OSError as error:
            _fail(f"Cannot listen on {host}: somebody has just taken one of {', '.join(map(str, ports))} ({error}).")
        Multiprocess(configs[0], sockets=shared).run()
        return
    server = uvicorn.Server(configs[0])
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=sockets)
    if not server.started:
        raise typer.Exit(3)  # as uvicorn's own command does; the log says why


def _share_answers() -> None:
    """Memory in which the workers find each other's answers: half of what all of them may keep."""
    from pydantic import TypeAdapter

    from env_server.cache import CACHE_BYTES
    from env_server.shared_answers import made

    # What is no number the workers refuse; without room, or such memory, each of them keeps its own answers.
    with contextlib.suppress(ValueError, OSError):
        most = TypeAdapter(int).validate_python(os.environ.get("STILLWEB_CACHE_BYTES", CACHE_BYTES))
        if most // 2 >= mmap.PAGESIZE:
            os.environ["STILLWEB_SHARED_ANSWERS"] = made(most // 2)


def _config(host: str, port: int, workers: int) -> uvicorn.Config:
    import uvicorn

    return uvicorn.Config(
        "env_server.app:app_from_env",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=False,  # our own, off unless asked: uvicorn's costs more than a cached answer
        log_level="warning",
        server_header=False,
        date_header=False,  # no clock in an answer
        timeout_graceful_shutdown=10,
        timeout_keep_alive=75,
        backlog=4096,
    )


def _open_many_files() -> None:
    """A connection is a file, and many systems allow a process 1,024 of them unless it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _announce(stack: contextlib.ExitStack, folder: Path, host: str, port: int) -> None:
    from env_server.dialects.asearcher import address_file

    # uvicorn raises the signal that stopped it once more, and the file would stay.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        stack.enter_context(address_file(folder, host, port))
    except OSError as error:
        _fail(f"Cannot write this server's address in {folder}: {error.strerror}. Choose another --save-address-to.")


def _fail(message: str) -> NoReturn:
    print(f"stillweb: {message}", file=sys.stderr)
    raise typer.Exit(1)
