<?php
// What every script here begins with: the address and the login from the command line, and the two
// ways in which PHP posts. Each prints what parse_str() finds in the answer, as JSON.
declare(strict_types=1);
error_reporting(E_ALL);
set_error_handler(function (int $number, string $message) {
    throw new ErrorException($message);
});

[, $url, $login, $secret, $document] = $argv;
$start = [
    'ai_login_id' => $login,
    'ai_login_password' => $secret,
    'command' => 'lead_set',
    'mode' => 'insert',
];

/** Posts with the curl binding: an array becomes multipart, a string is sent as it is. */
function post_with_curl(string $url, array|string $fields): void
{
    $curl = curl_init($url);
    curl_setopt($curl, CURLOPT_POST, true);
    curl_setopt($curl, CURLOPT_POSTFIELDS, $fields);
    curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
    $answer = curl_exec($curl);
    if ($answer === false) {
        throw new RuntimeException(curl_error($curl));
    }
    show($answer);
}

/** Posts with a stream context: HTTP/1.0 or 1.1 as PHP likes, Connection: close. */
function post_with_stream(string $url, string $body): void
{
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => 'Content-Type: application/x-www-form-urlencoded',
        'content' => $body,
    ]]);
    show(file_get_contents($url, false, $context));
}

function show(string $answer): void
{
    parse_str($answer, $pairs);
    echo json_encode($pairs, JSON_THROW_ON_ERROR);
}
