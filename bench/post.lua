-- wrk -s post.lua URL -- TEMPLATE FIRST SECONDS
-- Posts body after body for SECONDS, each on a connection of its own, and lets wrk end with nothing
-- under way: so every lead that the server has stored is one answer that wrk has read.

local ffi = require("ffi")
ffi.cdef("typedef struct { long s, ns; } moment; int clock_gettime(int, moment *);")

local MONOTONIC = 1
local moment = ffi.new("moment")
local whole, number, seconds, finish

local function now()
   ffi.C.clock_gettime(MONOTONIC, moment)
   return tonumber(moment.s) + tonumber(moment.ns) / 1e9
end

local function fill(text, digits)
   local letters = digits:gsub("%d", function(digit) return string.char(97 + digit) end)
   return (text:gsub("~", digits):gsub("_%._", letters))
end

function init(args)
   local file = assert(io.open(args[1]))
   local template = file:read("*a")
   file:close()
   number, seconds = tonumber(args[2]), tonumber(args[3])
   -- Each placeholder grows to seven characters, so the length is that of a filled body.
   local filled = fill(template, "0000000")
   local sent = wrk.format("POST", nil, {
      ["Host"] = wrk.headers["Host"],
      ["Content-Type"] = "application/x-www-form-urlencoded",
      ["Connection"] = "close",
   }, filled)
   whole = sent:sub(1, -#filled - 1) .. template
end

function request()
   number = number + 1
   return fill(whole, string.format("%07d", number))
end

-- Asked before each request, so the clock starts with the first one.
function delay()
   finish = finish or now() + seconds
   return now() < finish and 0 or 1e7
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      "result %d %d %f %f %f %f\n",
      summary.requests,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout,
      latency:percentile(50), latency:percentile(99), latency.max, latency.mean))
end
