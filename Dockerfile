# An image that serves one model over HTTP: elman, the extra `serve` and Python, from Debian's packages, without PyTorch, a
# shell, pip or a compiler. Under 150 MB.
#
#     docker build -t elman .
#     docker run --read-only -p 8000:8000 -e ELMAN_TOKEN=... -v ./runs/spam:/model:ro elman
#
# docs/en/install.md has more. The user of the image is no administrator, and nothing in it is written to: the states of
# streams are in /dev/shm, which every container has.
FROM debian:bookworm-slim AS build

ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates g++ python3-dev python3-venv

# Python and the libraries that it and NumPy load. The scripts of the packages are not run: nothing here needs them.
WORKDIR /packages
RUN apt-get download base-files libbz2-1.0 libc6 libcrypt1 libexpat1 libffi8 libgcc-s1 liblzma5 libpython3.11-minimal \
      libpython3.11-stdlib libssl3 libstdc++6 libuuid1 media-types netbase python3.11-minimal zlib1g \
    && mkdir /image \
    && for package in *.deb; do dpkg-deb --extract "$package" /image || exit 1; done \
    && mkdir -p /image/etc/ssl/certs /image/model /image/usr/local/lib/python3.11/dist-packages \
    && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
    && echo 'root:x:0:0:root:/:/usr/sbin/nologin' > /image/etc/passwd \
    && echo 'elman:x:10001:10001:elman:/:/usr/sbin/nologin' >> /image/etc/passwd \
    && find /image/usr/share/doc -type f ! -name copyright -delete \
    && rm -r /image/usr/share/man /image/usr/share/lintian /image/usr/lib/*/gconv /image/usr/lib/python3.11/pydoc_data

WORKDIR /source
COPY . .
# What a service never imports goes: tests, stubs, NumPy's wrapper of Fortran. So does the byte code of labs and Pygments, which it
# hardly ever does.
RUN python3 -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-compile -c constraints.txt \
      --target /image/usr/local/lib/python3.11/dist-packages ".[serve]" \
    && cd /image/usr/local/lib/python3.11/dist-packages \
    && find . -type d -name tests -prune -exec rm -r {} + \
    && find . -name '*.pyi' -delete \
    && rm -r bin numpy/distutils numpy/f2py numpy/_core/include \
    && /venv/bin/python -m compileall -q -s /image -x '/(labs|pygments)/' /image/usr/lib/python3.11 /image/usr/local/lib/python3.11

FROM scratch
COPY --from=build /image /
ENV LANG=C.UTF-8 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TMPDIR=/dev/shm
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s \
  CMD ["/usr/bin/python3.11", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/python3.11", "-m", "elman"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "/model"]
