FROM python:3.11-slim

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE thinline.py ./
COPY codec codec
COPY server server
COPY client client
COPY web web
RUN pip install --no-cache-dir --constraint constraints.txt .

USER nobody
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://localhost:8080/healthz', timeout=2)"]
# From outside everyone would get in: the server starts only with THINLINE_TOKEN_SECRET, or with THINLINE_OPEN=1.
CMD ["thinline", "serve", "--host", "0.0.0.0", "--port", "8080"]
