-- Returns how many messages of a job are held, and 1 if the one that starts the next pass is held beside them.
local number = call('HGET', key('job', args.name), 'next_number')
local next_pass = number and call('ZSCORE', key('schedule'), number) and 1 or 0
return {call('SCARD', key('numbers', args.name)) - next_pass, next_pass}
