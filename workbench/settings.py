"""Settings of the workbench. Every value comes from the environment; `.env.example` lists them with their meaning."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from jobs.distill.net import addresses
from workbench.launch import database, environment, secret

environment.load()

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("DATA_DIR") or BASE_DIR / "var").resolve()
RUNS_DIR = DATA_DIR / "runs"
MODELS_DIR = DATA_DIR / "models"
# Folders under which administrators may add models that lie on the server already.
MODEL_ROOTS = [Path(p).resolve() for p in os.environ.get("MODEL_ROOTS", "").split(os.pathsep) if p]


def flag(name: str, default: str = "0") -> bool:
    return os.environ.get(name, default).lower() in ("1", "true", "yes", "on")


DEBUG = flag("DEBUG")
SECRET_KEY = secret.key(DATA_DIR)
PUBLIC_URL = os.environ.get("PUBLIC_URL") or f"http://127.0.0.1:{os.environ.get('PORT') or 8000}"
ALLOWED_HOSTS = [h for h in os.environ.get("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1],testserver").split(",") if h]
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("CSRF_TRUSTED_ORIGINS", "").split(",") if o]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "allauth",
    "allauth.account",
    "ninja",  # its API page with files of our own server instead of a CDN
    "workbench.team",
    "workbench.runs",
    "workbench.library",
    "workbench.endpoints",
    "workbench.datasets",
    "workbench.studio",
    "workbench.review",
    "workbench.sweeps",
    "workbench.adapters",
    "workbench.help",
    "workbench.home",
    "workbench.api",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "workbench.home.middleware.HeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "workbench.team.middleware.TeamMiddleware",
]
ROOT_URLCONF = "workbench.urls"
ASGI_APPLICATION = "workbench.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "workbench.home.context.shell",
            ],
        },
    }
]

DATABASES = {"default": database.configuration(DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "team.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "workbench.team.accounts.Accounts"
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
SIGNUP_OPEN = flag("SIGNUP_OPEN")

LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "workbench.runs.blobs.DatabaseBlobs"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if not DEBUG
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "")
LEASE_SECONDS = float(os.environ.get("LEASE_SECONDS") or "60")
POLL_SECONDS = float(os.environ.get("POLL_SECONDS") or "5")
REAP_CONFIRM_SECONDS = float(os.environ.get("REAP_CONFIRM_SECONDS") or "15")
REAP_QUIET_SECONDS = float(os.environ.get("REAP_QUIET_SECONDS") or "60")
HUNG_SECONDS = float(os.environ.get("HUNG_SECONDS") or "600")
STOP_SECONDS = float(os.environ.get("STOP_SECONDS") or "30")
BACKOFF_SECONDS = float(os.environ.get("BACKOFF_SECONDS") or "5")
CPU_SLOTS = int(os.environ.get("CPU_SLOTS") or "1")
ENGINE = shlex.split(os.environ.get("ENGINE") or "") or [sys.executable, "-s", "-m", "jobs.distill"]
MAX_UPLOAD_BYTES = int(os.environ.get("MAX_UPLOAD_BYTES") or 2 * 1024**3)
FETCH_SECONDS = float(os.environ.get("FETCH_SECONDS") or "7200")
# Hosts that are not on the public internet and may still be asked: jobs/distill/net/addresses.py reads it.
ALLOWED_PRIVATE_HOSTS = os.environ.get("ALLOWED_PRIVATE_HOSTS", "")
addresses.read_allowed(ALLOWED_PRIVATE_HOSTS)

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
