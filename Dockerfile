FROM python:3.11-slim AS builder

RUN apt-get update && apt-get install --yes --no-install-recommends g++
WORKDIR /app
COPY pyproject.toml setup.py constraints.txt README.md LICENSE thinline.py ./
COPY codec codec
COPY server server
COPY client client
COPY web web
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim

COPY constraints.txt /app/
COPY --from=builder /wheels /wheels
RUN pip install --no-cache-dir --constraint /app/constraints.txt /wheels/*.whl && rm -r /wheels

USER nobody
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://localhost:8080/healthz', timeout=2)"]
# From outside everyone would get in: the server starts only with THINLINE_TOKEN_SECRET, or with THINLINE_OPEN=1.
CMD ["thinline", "serve", "--host", "0.0.0.0", "--port", "8080"]
