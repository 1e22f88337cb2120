"""What pyproject.toml can't say: how the native engine is built. Where it can't be, the rest is installed alone."""

from __future__ import annotations

import runpy
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

NATIVE = Path("codec", "engine", "native")
builder = runpy.run_path(str(Path(__file__).parent / NATIVE / "build.py"))


class BuildNative(build_ext):
    def get_ext_filename(self, name: str) -> str:
        return str(Path(*name.split(".")).with_name(builder["LIBRARY"].name))

    def build_extension(self, extension: Extension) -> None:
        library = Path(self.get_ext_fullpath(extension.name))
        library.parent.mkdir(parents=True, exist_ok=True)
        try:
            builder["build"](library)
        except builder["BuildError"] as error:
            raise CompileError(f"the native engine can't be built, the server will use onnx: {error}") from None


class PlatformWheel(bdist_wheel):
    """The library is of one platform, but of no version of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


sources = [str(NATIVE / name) for name in builder["SOURCES"]]
setup(
    ext_modules=[Extension("codec.engine.native.libthinline", sources, optional=True)],
    cmdclass={"build_ext": BuildNative, "bdist_wheel": PlatformWheel},
)
