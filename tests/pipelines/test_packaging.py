import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("data", "features", "models", "serving", "pipelines")
HEAVY = ("prefect", "mlflow", "lightgbm", "polars", "pandas", "pydantic", "deltalake", "sqlalchemy", "numpy")


def run(folder: Path, code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603  - the interpreter that runs this test
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a wheel built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("nodeward.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    run(folder, "from setuptools import build_meta; build_meta.build_wheel('.')")
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_a_wheel_holds_every_module_and_the_template(wheel: set[str]) -> None:
    sources = {str(path.relative_to(ROOT)) for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
    assert {name for name in wheel if name.endswith(".py")} == sources | {"nodeward.py"}
    assert "pipelines/settings/nodeward.toml" in wheel


def test_help_imports_no_heavy_package() -> None:
    code = (
        "import sys; from pipelines.main import main; main(['--help']); "
        f"print([module for module in {HEAVY} if module in sys.modules])"
    )
    out = run(ROOT, code)
    assert "backtest" in out
    assert out.splitlines()[-1] == "[]"
