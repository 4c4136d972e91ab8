"""The whole product on one machine, for trying it: `python3 manage.py run`."""
