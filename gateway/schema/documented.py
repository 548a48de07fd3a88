"""The fields of the documentation page, one row each, in the order of the page.

Names, examples and what a field means are the page's; types and lengths are those of the contract
(section 3), which says where and why they differ.
"""

from zoneinfo import ZoneInfo

from marshmallow import fields

from gateway.contract import CustomField
from gateway.formats import (
    BIGGEST,
    BirthDate,
    Degrees,
    EmailAddress,
    FileContents,
    FileName,
    Flag,
    GmtOffset,
    Identifier,
    IdOrLabel,
    IpAddress,
    Label,
    LocalDateTime,
    Mode,
    Notes,
    Tags,
    Text,
    WholeNumber,
    YesNo,
)
from gateway.models import FOLDED, LONG_TEXT

NAME_LENGTH = 100
"""Characters of a first or last name."""

FILE_NAME_LENGTH = 255
"""Characters of a file name."""


def _row(name: str, field: fields.Field, label: str, example: str, meaning: str) -> CustomField:
    return CustomField(
        name,
        field,
        label=label,
        help=meaning,
        example=example,
        sensitive=name == "govt_id",
        aliases=("ownerid",) if name == "ownerID" else (),
    )


def _long_text() -> Text:
    return Text(LONG_TEXT, multiline=True)


def _phone() -> Text:
    return Text(50, keeps_plus=True)


def documented(zone: ZoneInfo) -> tuple[CustomField, ...]:
    """Return the 44 fields of the page; dates and times are meant in ``zone``."""
    return (
        _row(
            "mode",
            Mode(),
            "Mode",
            "insert",
            "insert makes a lead, update changes one that lead_id or external_id finds.",
        ),
        _row(
            "lead_id",
            WholeNumber(least=0, rule=f"not a lead id (a whole number up to {BIGGEST})"),
            "Lead id",
            "1001",
            "The lead to update. 0 or nothing counts as not sent; only with mode=update.",
        ),
        _row(
            "external_id",
            Identifier(191),
            "External id",
            "ABC123456",
            "Your own id of the lead. With mode=update it finds the lead, with mode=insert it is "
            "stored; one id finds one lead. Up to 191 characters, compared exactly.",
        ),
        _row(
            "full_name",
            Text(255),
            "Full name",
            "John Doe",
            "The whole name, kept as sent and split into first and last name (also Doe, John). "
            "A first_name or last_name sent beside it wins over the split.",
        ),
        _row("first_name", Text(NAME_LENGTH), "First name", "John", "First and middle names."),
        _row("last_name", Text(NAME_LENGTH), "Last name", "Doe", "Last name, with a suffix."),
        _row(
            "company", Text(255), "Company", "Example Company", "Company that the lead works for."
        ),
        _row("address", Text(255), "Address", "123 Test Street", "Street and house number."),
        _row("address_2", Text(255), "Address 2", "123rd Ave", "Unit, floor, care of."),
        _row("city", Text(100), "City", "Test City", "City, as free text."),
        _row("state", Text(100), "State", "Test State", "State or province, as free text."),
        _row(
            "zip",
            Text(20),
            "Zip",
            "97303",
            "Postal code as sent: 02134, 97303-1234, K1A 0B1.",
        ),
        _row("country", Text(100), "Country", "Test Country", "Country, as free text."),
        _row(
            "lat",
            Degrees(most=90),
            "Latitude",
            "44.942898",
            "Latitude in degrees, -90 to 90; rounded to six decimals.",
        ),
        _row(
            "lng",
            Degrees(most=180),
            "Longitude",
            "-123.035095",
            "Longitude in degrees, -180 to 180; rounded to six decimals.",
        ),
        _row("phone", _phone(), "Phone", "132-123-1234", "Phone number, kept as sent."),
        _row("cell", _phone(), "Cell", "321-321-4321", "Mobile phone number, kept as sent."),
        _row(
            "ok_to_text",
            YesNo(),
            "OK to text",
            "No",
            "Whether text messages are allowed: Yes, Y, 1, true, on or No, N, 0, false, off.",
        ),
        _row("fax", _phone(), "Fax", "213-213-4231", "Fax number, kept as sent."),
        _row("skype", Text(100), "Skype", "johnsmith100", "Skype name."),
        _row(
            "ip",
            IpAddress(),
            "IP",
            "123.123.123.123",
            "IPv4 or IPv6 address that the lead came from; of a list the first, without port.",
        ),
        _row(
            "followup_date",
            LocalDateTime(zone),
            "Follow-up date",
            "2010-01-01 12:00:00",
            "When to follow up: YYYY-MM-DD HH:MM:SS, M/D/YYYY or D.M.YYYY, each also without "
            f"seconds or time, in the time zone {zone.key} or with its own (Z, +HH:MM). A new date "
            "makes an event.",
        ),
        _row("besttime", Text(50), "Best time", "Morning", "Best time to call."),
        _row(
            "status",
            WholeNumber(rule="not a status id (a whole number)"),
            "Status",
            "1",
            "Id of a status of this system; 0 is none.",
        ),
        _row("priority", Text(50), "Priority", "Warm", "Priority, as free text."),
        _row(
            "custom_status",
            IdOrLabel(100),
            "Custom status",
            "0",
            "Id or label of a custom status of this system; it must exist. 0 is none.",
        ),
        _row(
            "gmt_offset",
            GmtOffset(),
            "GMT offset",
            "-1000",
            "Offset from UTC as +HHMM or -HHMM, from -1200 to +1400; one or two digits are hours.",
        ),
        _row("email", EmailAddress(254), "E-mail", "example@example.com", "E-mail address."),
        _row(
            "admin_notes",
            _long_text(),
            "Admin notes",
            "Note text for admins",
            "Notes that only admins see; replaces what is there.",
        ),
        _row(
            "govt_id",
            Text(50),
            "Government id",
            "100-10-1000",
            "Number given by an authority, dashes and all; masked wherever it is shown.",
        ),
        _row("source", Text(191), "Source", "example.com", "Where the lead comes from."),
        _row("sub_id", Text(191), "Sub id", "10", "Part of the source: a campaign."),
        _row("sub_id2", Text(191), "Sub id 2", "11", "Part of the source, second level."),
        _row(
            "birth_date",
            BirthDate(zone),
            "Birth date",
            "1980-01-31",
            "Day of birth as YYYY-MM-DD, or MM-DD without the year; also M/D/YYYY and D.M.YYYY.",
        ),
        _row(
            "note",
            _long_text(),
            "Note",
            "Bla bla",
            "One note, appended to those of the lead.",
        ),
        _row(
            "notes",
            Notes(length=LONG_TEXT, status_length=100),
            "Notes",
            '[{"Status":"Message","Notes":"Asked for a call back"}]',
            "Several notes, appended in order: a JSON array of objects with Status and Notes, or "
            "notes[0][Status] and notes[0][Notes]. Without a Status it is Note.",
        ),
        _row(
            "tags",
            Tags(100, folded=FOLDED),
            "Tags",
            "prospect,new",
            "Tags, separated by commas; afterwards the lead has exactly these.",
        ),
        _row(
            "ownerID",
            Identifier(100),
            "Owner",
            "0",
            "Id or username of the user who owns the lead; 0 is none.",
        ),
        _row("pool", Label(100, folded=FOLDED), "Pool", "Main", "Name of the pool of the lead."),
        _row(
            "upload_file_name",
            FileName(FILE_NAME_LENGTH),
            "Upload file name",
            "contract.pdf",
            "Name of the file that comes as upload_file_contents.",
        ),
        _row(
            "upload_file_contents",
            FileContents(),
            "Upload file contents",
            "%25PDF-1.4...",
            "The bytes of a file, percent-encoded or as a multipart part; with upload_file_name.",
        ),
        _row(
            "match_update",
            Flag(),
            "Match and update",
            "1",
            "1 looks for the lead that this post is about, and updates it (mode stays insert).",
        ),
        _row(
            "match_name_and_address",
            Flag(),
            "Match name and address",
            "1",
            "With match_update=1: the same name at the same address is the same lead.",
        ),
        _row(
            "match_name_and_phone",
            Flag(),
            "Match name and phone",
            "1",
            "With match_update=1: the same name with the same phone or cell is the same lead.",
        ),
    )


def siblings() -> tuple[CustomField, ...]:
    """Return the fields that we add, named as on the sibling pages of the old documentation."""
    replaces = "Replaces the admin notes, as admin_notes does; the last one sent wins."
    return (
        _row(
            "tag_append",
            Tags(100, folded=FOLDED),
            "Append tags",
            "buyer",
            "Adds tags, separated by commas, to those of the lead, after tags.",
        ),
        _row(
            "admin_notes_append",
            _long_text(),
            "Append to admin notes",
            "Called back",
            "Adds a line with the date to the admin notes, after they are replaced.",
        ),
        _row("admin_notes_send", _long_text(), "Send admin notes", "Prefers e-mail", replaces),
        _row("admin_notes_set", _long_text(), "Set admin notes", "Prefers e-mail", replaces),
    )
