"""Django's own sessions and users, on SQLite, under ASGI: what `startproject` makes, in one file."""

import os
import secrets

import django
from django.conf import settings

settings.configure(
    SECRET_KEY=secrets.token_urlsafe(48),
    DEBUG=False,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{os.environ['BENCH_FOLDER']}/django.db"}},
)
django.setup()

from django.contrib.auth import authenticate, get_user_model, login  # noqa: E402
from django.contrib.auth.decorators import login_required  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpRequest, HttpResponse, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402


@csrf_exempt
def log_in(request: HttpRequest) -> HttpResponse:
    user = authenticate(request, username=request.POST["username"], password=request.POST["password"])
    login(request, user)
    return JsonResponse({"ok": True})


@login_required
def me(request: HttpRequest) -> HttpResponse:
    return JsonResponse(
        {
            "emp_no": 10001,
            "email": request.user.email,
            "birth_date": "1980-02-29",
            "first_name": request.user.first_name,
            "last_name": request.user.last_name,
            "gender": "F",
            "hire_date": "2020-01-02",
            "scopes": ["user:read", "user:write"],
            "preferred_name": None,
            "about": None,
        }
    )


urlpatterns = [path("login", log_in), path("me", me)]
app = get_asgi_application()

if __name__ == "__main__":  # run once before the server: make the tables and the one user
    call_command("migrate", verbosity=0)
    get_user_model().objects.create_user(
        "ada", "e10001@example.com", "benchmark-password", first_name="Ada", last_name="Nowak"
    )
