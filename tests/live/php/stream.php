<?php
require __DIR__ . '/_call.php';
post_with_stream($url, http_build_query($start + require __DIR__ . '/_fields.php'));
