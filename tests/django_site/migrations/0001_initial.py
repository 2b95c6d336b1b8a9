"""What a host writes to have our tables made with its own."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

from clientmgmt.adapters.sqlalchemy.django import DjangoStorage


def create_tables(_: object, schema_editor: Any) -> None:  # noqa: ANN401 - Django has no types
    """Bring our tables up to date, in the transaction of the migration."""
    DjangoStorage(schema_editor.connection.alias).upgrade()


class Migration(migrations.Migration):  # type: ignore[misc, no-any-unimported] # the same
    """The first one."""

    initial = True
    operations = (
        migrations.CreateModel("Ticket", [("number", models.BigAutoField(primary_key=True))]),
        migrations.RunPython(create_tables, migrations.RunPython.noop),
    )
