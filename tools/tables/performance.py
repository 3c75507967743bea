"""Tables of what scripts/benchmark.py measured on a kind of machine: docs/results/performance/KIND/."""

import statistics

from tools.tables.files import markdown, read, with_source

PEERS = {
    "normflows": "normflows {normflows} (PyTorch {torch})",
    "nflows": "nflows {nflows} (PyTorch {torch})",
    "freia": "FrEIA {FrEIA} (PyTorch {torch})",
    "tfp": "`tfp.bijectors.Glow` (TFP {tensorflow-probability})",
}
TUNED = {f"{peer} tuned": f"{PEERS[peer].partition(' ')[0]}, tuned" for peer in ("normflows", "nflows", "freia")}
FLOORS = {
    "amx": {
        "`tf.nn.conv2d`, the same kernels": ("own floor conv2d", "train_over_own_floor"),
        "`tf.nn.conv2d`, as TensorFlow comes": ("floor conv2d", "train_over_floor"),
        "products of matrices": ("floor products", "train_over_fast_floor"),
    },
    # Without AVX-512 TensorFlow comes with its own kernels.
    "avx2": {
        "`tf.nn.conv2d`, as TensorFlow comes": ("floor conv2d", "train_over_floor"),
        "products of matrices": ("floor products", "train_over_fast_floor"),
    },
}
FAMILIES = {
    "stored_over_own_floor": "stored step over `tf.nn.conv2d`",
    "train_over_own_floor": "step over it",
    "train_over_fast_floor": "step over its products",
    "train_over_floor": "step over oneDNN's",
    "encode_over_own_floor": "encoding over `tf.nn.conv2d`",
    "encode_over_fast_floor": "encoding over its products",
}
SIZES = ("small", "paper")
RATE = "{:,.0f}"


def speed_ratios(kind: str) -> str:
    """Returns ratios of seconds, and of CPU seconds, with their aims."""
    paths, figures, _ = _speeds(kind)
    names = {f"training / floor by {name}": ratio for name, (_, ratio) in FLOORS[kind].items()}
    names |= {
        "inverted / stored": "invert_over_store",
        "training, times as fast as the best other program": "train_vs_best_peer",
        "encoding, times as fast": "encode_vs_best_peer",
        "sampling, times as fast": "sample_vs_best_peer",
        "training, times as fast as the best one tuned": "train_vs_best_tuned_peer",
        "encoding, times as fast as it": "encode_vs_best_tuned_peer",
        "sampling, times as fast as it": "sample_vs_best_tuned_peer",
    }
    aims = {
        "train_over_floor": ("≤ 1.15", "≤ 1.08"),
        "train_over_own_floor": ("≤ 1.15", "≤ 1.08"),
        "invert_over_store": ("≤ 1.25", "≤ 1.25"),
        "train_vs_best_peer": ("≥ 1.8", "≥ 1.45"),
        "sample_vs_best_peer": ("≥ 1.8", ""),
        "train_vs_best_tuned_peer": ("≥ 1.3", "≥ 1.15"),
    }
    rows = [
        [
            label,
            *(
                cell
                for size, aim in zip(SIZES, aims.get(name, ("", "")), strict=True)
                for cell in _ratio(figures[size], name, aim)
            ),
        ]
        for label, name in names.items()
        if any(name in figures[size] for size in SIZES)  # older files have none of the tuned
    ]
    return _of_benchmarks(
        kind, paths, markdown(["ratio of seconds (of CPU seconds)", "small", "aim", "paper", "aim"], rows)
    )


def speed_seconds(kind: str) -> str:
    """Returns seconds, and CPU seconds, of everything that was measured."""
    paths, figures, first = _speeds(kind)
    versions = first["machine"]["versions"] | first["small"]["versions"]
    versions["torch"] = versions["torch"].partition("+")[0]
    names = {f"floor, {name}": floor for name, (floor, _) in FLOORS[kind].items()}
    names |= {"flowconv, training, stored": "store train", "flowconv, training, inverted": "invert train"}
    if "bf16 train" in figures["small"]["cpu_seconds"]:
        names |= {"flowconv, training, stored, bfloat16": "bf16 train"}
    # Older files have none of FrEIA.
    peers = {
        peer: label.format_map(versions) for peer, label in PEERS.items() if f"{peer} train" in first["small"]["rounds"]
    }
    names |= {f"{label}, training": f"{peer} train" for peer, label in (peers | TUNED).items()}
    short = {peer: label.partition(" ")[0] for peer, label in peers.items()} | TUNED
    for what, key in (("encoding", "encode"), ("sampling", "sample")):
        names |= {f"flowconv, {what}": f"store {key}"}
        names |= {f"{label}, {what}": f"{peer} {key}" for peer, label in short.items()}
    rows = [
        [label, *(_seconds(figures[size], name, digits) for size, digits in zip(SIZES, (3, 2), strict=True))]
        for label, name in names.items()
        if any(name in figures[size]["rounds"] for size in SIZES)
    ]
    owners = {"store": "flowconv"} | {peer: label.partition(" ")[0] for peer, label in peers.items()}
    for owner, label in owners.items():
        millions = (f"{figures[size]['parameters'][owner] / 1e6:.2f}" for size in SIZES)
        rows.append([f"million parameters, {label}", *millions])
    return _of_benchmarks(kind, paths, markdown(["seconds (CPU seconds)", *SIZES], rows))


def bfloat16_speed() -> str:
    """Returns how many times as fast bfloat16 networks make training."""
    paths, figures, _ = _speeds("amx")
    names = {
        "as float32": ("bf16_vs_float32", "≥ 2"),
        "as the best other program, in float32": ("bf16_train_vs_best_peer", "≥ 2.5"),
    }
    rows = [
        [
            label,
            *(_two(figures[size][name], figures[size]["of_cpu_seconds"][name]) for size in SIZES),
            _aim(figures["paper"][name], aim),
        ]
        for label, (name, aim) in names.items()
    ]
    return _of_benchmarks(
        "amx", paths, markdown(["times as fast in training (of CPU seconds)", "small", "paper", "aim at paper"], rows)
    )


def startup(kind: str) -> str:
    """Returns the seconds to the end of the first step, and of what."""
    path = f"performance/{kind}/startup.json"
    names = {
        "startup": "from process start",
        "importing": "importing",
        "building": "building",
        "tracing": "tracing and initializing",
        "first_step": "first step, less an ordinary one",
        "step": "ordinary step",
    }
    rows = [
        [depth, *(f"{medians[name]:.1f}" for name in names)]
        for depth, medians in read(path)["startup"]["medians"].items()
    ]
    return _of_benchmarks(kind, [path], markdown(["K", *names.values()], rows))


def loading(kind: str) -> str:
    """Returns the seconds of programs that import flowconv, or draw a sample of a flow of the package."""
    path = f"performance/{kind}/startup.json"
    names = {
        "nothing": "Python alone",
        "import": "`import flowconv`",
        "sample": '`flowconv.load("photos").sample(1)`',
    }
    medians = read(path)["loading"]["medians"]
    rows = [[title, f"{medians[name]:.2f}"] for name, title in names.items()]
    return _of_benchmarks(kind, [path], markdown(["a process that does", "seconds"], rows))


def scaling(kind: str) -> str:
    """Returns what two ranks bring, and where a step's time goes."""
    path = f"performance/{kind}/scaling.json"
    sizes = read(path)["scaling"]
    digits = {"small": 3, "paper": 2}
    names = {
        "seconds of a step: computing": "computing",
        "waiting for the slower rank": "waiting",
        "allreduce": "allreduce",
        "updating": "updating",
    }
    rows = [["images/s, of twice one rank", *(f"{found['scaling_efficiency']:.2f}" for found in sizes.values())]]
    for label, name in names.items():
        rows.append(
            [
                label,
                *(
                    f"{found['seconds'][name]:.{digits[size] if name == 'computing' else 3}f}"
                    for size, found in sizes.items()
                ),
            ]
        )
    rows.append(
        ["computing, times as long as alone", *(f"{found['computing_slowdown']:.2f}" for found in sizes.values())]
    )
    rows.append(
        [
            "gradients, MB in tensors",
            *(f"{found['gradient_bytes'] / 1e6:.1f} in {found['gradient_tensors']}" for found in sizes.values()),
        ]
    )
    return _of_benchmarks(kind, [path], markdown(["two ranks × 1 thread against one rank × 1 thread", *sizes], rows))


def sampling(kind: str) -> str:
    """Returns the rates of an autoregressive flow's samples, by the ways of its inverse."""
    path = f"performance/{kind}/sampling.json"
    rows = [
        [way, f"{figures['images_per_second']:.2f}", f"{figures['times_as_fast']:.2f}"]
        for way, figures in read(path)["sampling"]["ways"].items()
    ]
    return _of_benchmarks(kind, [path], markdown(["tokens", "images/s", "times as fast as the first"], rows))


def families(kind: str) -> str:
    """Returns each family's rates, its seconds over those of its own products, and the memory of its training."""
    path = f"performance/{kind}/families.json"
    header = ["family", "training", "stored", "MB", "encoding", *FAMILIES.values()]
    rows = [
        [
            name,
            *(RATE.format(figures["images_per_second"][task]) for task in ("train", "stored")),
            f"{figures['peak_megabytes']:,.0f}",
            RATE.format(figures["images_per_second"]["encode"]),
            *(f"{figures[ratio]:.2f}" for ratio in FAMILIES),
        ]
        for name, figures in read(path)["families"].items()
    ]
    return _of_benchmarks(kind, [path], markdown(header, rows))


def _of_benchmarks(kind, paths, table):
    """A table with the source that its JSONs name, which must be one."""
    ((date, commit),) = {(read(path)["date"], read(path)["commit"]) for path in paths}
    return with_source(table, kind.upper(), date, f"commit {commit}", *paths)


def _speeds(kind):
    """The paths of a machine's speed JSONs, and their figures by sizes."""
    paths = [f"performance/{kind}/{size}.json" for size in SIZES]
    return paths, {size: read(path)[size] for size, path in zip(SIZES, paths, strict=True)}, read(paths[0])


def _two(value, of_cpu):
    return f"{value:.2f} ({of_cpu:.2f})"


def _aim(value, aim):
    """An aim, and whether it is met."""
    if not aim:
        return ""
    met = value <= float(aim[2:]) if aim.startswith("≤") else value >= float(aim[2:])
    return f"{aim}, {'met' if met else 'missed'}"


def _ratio(figures, name, aim):
    """A ratio and its aim; both are empty where it wasn't measured."""
    if name not in figures:
        return "", ""
    return _two(figures[name], figures["of_cpu_seconds"][name]), _aim(figures[name], aim)


def _seconds(figures, name, digits):
    """Seconds and CPU seconds; empty where they weren't measured."""
    if name not in figures["rounds"]:
        return ""
    seconds, of_cpu = (
        statistics.median(each[unit] for each in figures["rounds"][name]) for unit in ("seconds", "cpu_seconds")
    )
    return f"{seconds:.{digits}f} ({of_cpu:.{digits}f})"
