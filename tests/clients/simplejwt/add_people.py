import os

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402 - not before the setup

people = get_user_model().objects
people.create_user("ana", password=os.environ["PASSWORD"])
people.create_user("gone", password=os.environ["PASSWORD"], is_active=False)
