"""Django settings. One file; everything an operator may change comes from ``env``."""

import django_stubs_ext
import environ
from csp.constants import NONCE, NONE, SELF

from gateway_project import env as environment
from gateway_project import logs

django_stubs_ext.monkeypatch()
ENV = environment.read()
BASE_DIR = environment.BASE_DIR
VAR_DIR = ENV.var_dir

SECRET_KEY = ENV.secret_key
SECRET_KEY_FALLBACKS = ENV.secret_key_fallbacks
DEBUG = ENV.debug
ALLOWED_HOSTS = ENV.allowed_hosts
CSRF_TRUSTED_ORIGINS = ENV.csrf_trusted_origins
PORT = ENV.port
WORKERS = ENV.workers
MAX_BODY_BYTES = ENV.max_body_bytes  # of one call; larger ones get 413
SPOOL_DIR = ENV.spool_dir
DRAIN_SECONDS = ENV.drain_seconds  # how long calls may go on after SIGTERM
MAX_REQUESTS = ENV.max_requests  # a worker is replaced after about so many; 0: never
OBJECTIVES = ENV.objectives
IDEMPOTENCY_KEEPING = ENV.idempotency_keeping  # for requests with an Idempotency-Key
KEEP_ALIVE_SECONDS = ENV.keep_alive_seconds  # a stream is never silent for longer
SELF_APPROVAL = ENV.self_approval  # for installations with a single admin; recorded as such
INVOICE_ISSUER = ENV.invoice_issuer  # who charges the teams, in FOCUS files with internal invoices
REGION = ENV.region  # providers of it are asked first, where no route says otherwise
LINK_NETWORKS = ENV.link_networks  # that links in messages may lead to, beside the public ones
WEBHOOK_NETWORKS = ENV.webhook_networks  # that webhooks may lead to, beside the public ones
PUBLIC_URL = ENV.public_url  # before the path of links in messages to people

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "rest_framework",
    "import_export",
    "auditlog",
    "csp",
    "catalog",
    "metering",
    "proxy",
    "gateway_project",
]

# For people only: calls never come here (see gateway_project/asgi.py).
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "gateway_project.static_files.InParts",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "gateway_project.never_stored.never_stored",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "catalog.audit.middleware.whose_request",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "gateway_project.urls"
ASGI_APPLICATION = "gateway_project.asgi.application"

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
            ],
        },
    },
]

# manage.py and the tests start the embedded server and set DATABASE_URL before settings are read; commands
# that need no database (sandbox, help) leave it unset.
DATABASES = {"default": environment.database(ENV.database_url)}
CACHES = {"default": environ.Env.cache_url_config(ENV.cache_url)}
vars().update(environment.mail(ENV.email_url))  # EMAIL_BACKEND, EMAIL_HOST ...
EMAIL_TIMEOUT = 10  # seconds
SENDS_MAIL = bool(ENV.email_url)
DEFAULT_FROM_EMAIL = ENV.email_from
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/spend/"
LOGOUT_REDIRECT_URL = "/login/"

LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
FORMAT_MODULE_PATH = ["gateway_project.formats"]
TIME_ZONE = ENV.time_zone  # the business time zone: days, months and budgets of finance

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns when it is missing
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}

# The audit trail (catalog/audit): values as they are, and names of rows instead of their numbers.
AUDITLOG_STORE_JSON_CHANGES = True
AUDITLOG_USE_FK_STRING_REPRESENTATION = True
REASONS_REQUIRED = ENV.reasons_required  # for changes in the admin

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    },
}
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV.secure_cookies
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600

LOGGING_CONFIG = None
logs.configure(log_format=ENV.log_format)
