<?php
// Values that need every kind of quoting, and lists as PHP sends them.
return [
    'full_name' => "Seán O'Connor & Sons",
    'company' => '50% "Off" <Ltd>',
    'email' => 'sean+web@example.com',
    'tags' => ['web', 'php'],
    'note' => "line one\r\nline two",
    'notes' => [
        ['Status' => 'Call', 'Notes' => 'first'],
        ['Status' => 'Mail', 'Notes' => 'second'],
    ],
];
